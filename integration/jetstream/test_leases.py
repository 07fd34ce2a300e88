"""Leases on a bucket: what the contract suite does not see."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.clock import SystemClock
from flowworker.errors import InvalidInput
from flowworker.jetstream.client import headers
from flowworker.jetstream.client.publisher import Publisher
from flowworker.jetstream.leases import BucketLeases
from flowworker.jetstream.records import BucketRecords
from tests.support.waiting import eventually

KEY = "partition.1"


class MovableClock(SystemClock):
    """Can be made to believe that time has passed."""

    def __init__(self):
        self.ahead = 0.0

    def now(self):
        return super().now() + self.ahead

    def monotonic(self):
        return super().monotonic() + self.ahead


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def make(publisher, api, names, clock):
    def leases(over=publisher):
        records = BucketRecords(over, api, names.locks)
        return BucketLeases(over, api, names.locks, records, clock)

    return leases


async def messages(api, names):
    info = await api.call(f"STREAM.INFO.{names.locks.stream}")
    return info["state"]["messages"]


async def test_nothing_is_left_behind(make, api, names):
    leases = make()
    token = 0
    for key in ("a", "b"):
        token = await leases.acquire(key, "me", 1)
        for _ in range(5):
            token = await leases.renew(key, "me", 1, token)
    await leases.release("a", "me", token - 5)  # an old token
    await leases.release("b", "me", token)

    assert await leases.holders(">") == {"a": "me"}
    await eventually(lambda: none_left(api, names))


async def none_left(api, names):
    return await messages(api, names) == 0


async def test_of_many_one_gets_it(make):
    fleet = [make() for _ in range(20)]

    tokens = await asyncio.gather(*(one.acquire(KEY, f"w{i}", 30) for i, one in enumerate(fleet)))

    assert sum(token is not None for token in tokens) == 1


async def test_a_lease_that_reappeared_is_taken_over_after_it_was_watched(
    make, api, names, publisher, clock
):
    # Given an expired lease that a killed server brought back: it has no time to live any more
    dead = b'{"holder":"dead","ttl":5,"until":0.0}'
    await publisher.publish(names.locks.subject(KEY), dead)
    leases = make()
    assert await leases.acquire(KEY, "me", 30) is None
    assert await leases.holders(">") == {}  # its holder's time was over long ago

    # When its time passes and nobody renews it
    clock.ahead = 4.0
    assert await leases.acquire(KEY, "me", 30) is None
    clock.ahead = 7.5

    # Then it is taken over
    assert await leases.acquire(KEY, "me", 30) is not None
    assert await leases.holders(">") == {KEY: "me"}


async def test_a_lease_that_is_renewed_is_never_taken_over(make, clock):
    # Given a holder whose renewals somebody else watches
    holder, other = make(), make()
    token = await holder.acquire(KEY, "holder", 5)
    for _ in range(5):
        assert await other.acquire(KEY, "other", 5) is None
        clock.ahead += 4.0
        token = await holder.renew(KEY, "holder", 5, token)

    assert await other.acquire(KEY, "other", 5) is None
    assert await other.holders(">") == {KEY: "holder"}


async def test_a_wall_clock_that_is_wrong_does_no_harm(make, clock):
    holder, other = make(), make()
    await holder.acquire(KEY, "holder", 30)
    other._clock = MovableClock()
    other._clock.now = lambda: 4e9

    assert await other.acquire(KEY, "other", 30) is None


async def test_what_is_no_lease_is_replaced(make, names, publisher):
    block = headers.encode({"KV-Operation": "DEL"})
    await publisher.publish(names.locks.subject(KEY), b"", block)
    leases = make()

    assert await leases.holders(">") == {}
    assert await leases.acquire(KEY, "me", 30) is not None


async def test_a_lost_acknowledgement_is_no_lost_lease(make, proxy, proxied, api, names):
    # Given a renewal that the server stored, unheard
    leases = make(Publisher(proxied))
    token = await leases.acquire(KEY, "me", 30)
    proxy.deaf = True
    renewing = asyncio.ensure_future(leases.renew(KEY, "me", 30, token))
    query = {"last_by_subj": names.locks.subject(KEY)}
    await eventually(lambda: renewed(api, names, query, token))
    proxy.deaf = False
    proxy.cut()

    assert await renewing == token + 1


async def renewed(api, names, query, token):
    return (await api.message(names.locks.stream, query)).seq > token


@pytest.mark.parametrize("ttl", [0, -1, 0.5, 1.5])
async def test_a_time_to_live_that_the_server_cannot_keep(make, ttl):
    with pytest.raises(InvalidInput, match="whole seconds"):
        await make().acquire(KEY, "me", ttl)
