"""Locks that handlers take by their context."""

from __future__ import annotations

import asyncio
import threading

import pytest

from flowworker.errors import (
    LockTimeoutError,
)
from flowworker.stores.locks import Lock, lock_key
from flowworker.testing.clock import settle
from tests.support.faults import Flaky
from tests.worker.inside import inside, inside_thread


def lock_of(fleet, holder="r2", ttl=10.0, timeout=0.0, leases=None):
    leases = leases or fleet.backend.leases
    return Lock(leases, fleet.clock, "card:7", holder, ttl, timeout)


async def test_a_lock_keeps_other_runs_out(fleet):
    async def body(ctx):
        async with ctx.lock("card:7", ttl=10, timeout=5) as lock:
            assert lock.token > 0
            with pytest.raises(LockTimeoutError, match="'card:7': not free within 0 s"):
                await lock_of(fleet).acquire()
        async with lock_of(fleet) as other:
            return other.token > lock.token

    assert await inside(fleet, body) is True


async def test_a_lock_is_waited_for(fleet):
    first = lock_of(fleet, "r1")
    await first.acquire()
    second = lock_of(fleet, "r2", timeout=5.0)
    waiting = asyncio.create_task(second.acquire())
    await fleet.clock.advance(2.0)
    assert not waiting.done()

    await first.release()
    await fleet.clock.advance(0.5)

    assert waiting.done()
    await second.release()


async def test_a_lock_that_does_not_come_free_is_given_up(fleet):
    async with lock_of(fleet, "r1"):
        waiting = asyncio.create_task(lock_of(fleet, "r2", timeout=5.0).acquire())
        await fleet.clock.advance(6.0)
        with pytest.raises(LockTimeoutError):
            await waiting


async def test_a_lock_is_renewed_while_it_is_held(fleet):
    async with lock_of(fleet, "r1", ttl=2.0) as lock:
        await fleet.clock.advance(60.0)
        assert not lock.lost
        with pytest.raises(LockTimeoutError):
            await lock_of(fleet, "r2").acquire()
    async with lock_of(fleet, "r2"):
        pass


async def test_a_lock_whose_lease_was_lost_says_so_and_takes_nothing_away(fleet):
    leases = Flaky(fleet.backend.leases, renew=["before"] * 9)
    async with lock_of(fleet, "r1", ttl=2.0, leases=leases) as lock:
        await fleet.clock.advance(2.5)
        async with lock_of(fleet, "r2", ttl=60.0):
            await fleet.clock.advance(1.0)
            assert lock.lost
            await lock.release()
            await lock.release()
            with pytest.raises(LockTimeoutError):
                await lock_of(fleet, "r3").acquire()


async def test_a_lock_that_is_not_renewed_in_time_is_lost_though_nobody_says_so(fleet):
    leases = Flaky(fleet.backend.leases, renew=["before"] * 99)
    async with lock_of(fleet, "r1", ttl=2.0, leases=leases) as lock:
        await fleet.clock.advance(1.9)
        assert not lock.lost
        await fleet.clock.advance(0.2)
        assert lock.lost


async def test_a_lock_that_cannot_be_given_back_does_not_fail_what_was_done_under_it(fleet):
    leases = Flaky(fleet.backend.leases, release=["before"])
    async with lock_of(fleet, "r1", ttl=2.0, leases=leases):
        pass

    await fleet.clock.advance(2.5)
    async with lock_of(fleet, "r2"):
        pass


async def test_a_thread_takes_a_lock_through_run(fleet):
    held = threading.Event()

    def body(ctx):
        lock = ctx.run(ctx.lock("card:7", ttl=10, timeout=1).acquire())
        held.set()
        ctx.run(lock.release())
        return lock.token

    assert await inside_thread(fleet, body) > 0
    assert held.is_set()
    async with lock_of(fleet):
        pass


def test_any_text_is_a_locks_name():
    assert lock_key("card.7") == "lock.card.7"
    for name in ("card:7", "", "a b", "x" * 500, "ü", "a..b", ">"):
        key = lock_key(name)
        assert key.startswith("lock.")
        assert len(key) == len("lock.") + 64


async def test_a_heartbeat_notes_progress_and_stops_the_cancelled(fleet):
    async def body(ctx):
        ctx.heartbeat()
        noted = ctx.progress
        ctx.cancelled = True
        with pytest.raises(asyncio.CancelledError):
            ctx.heartbeat()
        return noted

    assert await inside(fleet, body) == fleet.clock.monotonic()
    await settle()


@pytest.mark.parametrize(("owner", "shared"), [("run", True), ("step", False)])
async def test_a_lock_is_of_the_run_or_of_the_step(fleet, owner, shared):
    entered = []

    async def hold(ctx):
        try:
            async with ctx.lock("sku", ttl=30, timeout=0, owner=owner):
                entered.append(ctx.step_id)
                await asyncio.Event().wait()
        except LockTimeoutError:
            return

    fleet.app.step("hold")(hold)
    await fleet.worker()
    await fleet.run("hold", step="a")
    await fleet.run("hold", step="b")
    await fleet.run("hold", step="a", run="r2")

    assert entered == (["a", "b"] if shared else ["a"])


async def test_a_lock_of_nobody_is_refused(fleet):
    async def body(ctx):
        ctx.lock("sku", ttl=30, timeout=0, owner="world")

    error = await inside(fleet, body)

    assert "expected owner 'run' or 'step', found 'world'" in str(error)
