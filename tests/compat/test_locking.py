"""Locks for any owner: who holds them, also when the server could not be reached meanwhile."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import pytest

from flowworker.compat.locking import Locker
from flowworker.compat.opening import existing
from flowworker.errors import InvalidInput, Unavailable
from flowworker.stores.locks import Lock
from flowworker.stores.stores import stores_of
from flowworker.testing import ManualClock
from flowworker.testing.clock import settle
from tests.support.backends import memory


class Leases:
    """Those of a backend, with outages, and with requests that hang."""

    def __init__(self, inner):
        self._inner = inner
        self.out = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.renewals = 0

    def __getattr__(self, name):
        async def call(*arguments):
            if name == "renew":
                self.renewals += 1
                await self.answers.wait()
            if self.out:
                raise Unavailable("out")
            return await getattr(self._inner, name)(*arguments)

        return call


@pytest.fixture
async def place():
    clock = ManualClock()
    async with memory(clock=clock) as backend:
        leases = Leases(backend.leases)
        yield clock, leases, Locker(existing(stores_of(replace(backend, leases=leases))), clock)


@pytest.mark.parametrize("seconds", [2.0, 15.0], ids=["held", "lost"])
async def test_what_was_released_in_an_outage_is_renewed_no_more(place, seconds):
    # Given a lock that was given up while the server was away, perhaps lost by then
    clock, leases, locker = place
    await locker.acquire("card", "run-1", ttl=10)
    leases.out = True
    await clock.advance(seconds)
    with pytest.raises(Unavailable):
        await locker.release("card", "run-1")
    leases.out = False

    # When the same run has it again, and gives it up
    await locker.acquire("card", "run-1", ttl=10, timeout=0)
    await clock.advance(20.0)
    await locker.release("card", "run-1")
    before = leases.renewals
    await clock.advance(60.0)

    # Then nothing of it is left, and the next one gets it
    assert leases.renewals == before
    assert await locker.acquire("card", "run-2", ttl=10, timeout=0)
    await locker.release("card", "run-2")


async def test_a_release_that_is_cancelled_ends_the_renewal(place):
    clock, leases, _ = place
    lock = Lock(leases, clock, "card", "run-1", 10, 0)
    await lock.acquire()
    leases.answers.clear()
    await clock.advance(6.0)  # it is being renewed, without an answer

    releasing = asyncio.create_task(lock.release())
    await settle()
    releasing.cancel()
    await settle()
    leases.answers.set()
    before = leases.renewals
    await clock.advance(60.0)

    assert leases.renewals == before


@pytest.mark.parametrize("ttl", [0, -1, math.nan, math.inf])
async def test_a_time_to_live_that_is_none_is_refused(place, ttl):
    clock, leases, locker = place

    with pytest.raises(InvalidInput, match="lock 'card': expected a ttl above 0 seconds"):
        Lock(leases, clock, "card", "run-1", ttl, 0)
    with pytest.raises(InvalidInput, match="ttl"):
        await locker.acquire("card", "run-1", ttl=ttl)


async def test_a_locker_that_is_closed_in_an_outage_lets_go_of_everything(place):
    clock, leases, locker = place
    for name in ("card", "cash"):
        await locker.acquire(name, "run-1", ttl=10)
    leases.out = True

    await locker.close()
    before = leases.renewals
    await clock.advance(60.0)

    assert leases.renewals == before
