"""The `Leases` port."""

from __future__ import annotations

import asyncio
import time

import pytest

from integration.contract.support import KEEPERS, SLACK, Steadily
from tests.support.waiting import eventually

pytestmark = pytest.mark.parametrize("adapter_name", KEEPERS)

KEY = "partition.3"


async def test_a_lease_has_one_holder(backend, peer):
    assert await backend.leases.acquire(KEY, "a", 30) is not None

    assert await backend.leases.acquire(KEY, "b", 30) is None
    assert await peer.leases.acquire(KEY, "b", 30) is None
    assert await peer.leases.acquire("partition.4", "b", 30) is not None


async def test_of_many_who_ask_one_gets_it(backend, peer):
    members = [backend.leases, peer.leases]

    tokens = await asyncio.gather(*(members[i % 2].acquire(KEY, f"{i}", 30) for i in range(20)))

    [winner] = [i for i, token in enumerate(tokens) if token is not None]
    assert await backend.leases.holders(">") == {KEY: f"{winner}"}


async def test_one_who_has_it_may_acquire_it_again(backend, peer):
    first = await backend.leases.acquire(KEY, "a", 30)

    again = await backend.leases.acquire(KEY, "a", 30)

    assert again >= first
    assert await peer.leases.acquire(KEY, "b", 30) is None
    assert await backend.leases.renew(KEY, "a", 30, again) is not None


async def test_a_renewal_gives_the_token_for_the_next(backend):
    token = await backend.leases.acquire(KEY, "a", 30)

    for _ in range(3):
        token = await backend.leases.renew(KEY, "a", 30, token)
        assert token is not None


async def test_nobody_renews_what_another_holds(backend, peer):
    token = await backend.leases.acquire(KEY, "a", 30)

    assert await peer.leases.renew(KEY, "b", 30, token + 1) is None
    assert await backend.leases.holders(KEY) == {KEY: "a"}
    assert await backend.leases.renew(KEY, "a", 30, token) is not None


async def test_nobody_renews_what_was_never_held(backend):
    assert await backend.leases.renew(KEY, "a", 30, 1) is None
    assert await backend.leases.holders(">") == {}


async def test_a_lease_ends_by_itself_and_the_next_token_is_greater(backend, peer):
    # Given a holder that does not renew
    start = time.monotonic()
    old = await backend.leases.acquire(KEY, "a", 1)

    # When another waits for it
    new = await eventually(lambda: peer.leases.acquire(KEY, "b", 30))

    # Then it waited for as long as the lease held, and the former holder can do no more harm
    assert time.monotonic() - start >= 1 - SLACK
    assert new > old
    assert await backend.leases.renew(KEY, "a", 30, old) is None
    await backend.leases.release(KEY, "a", old)
    assert await peer.leases.holders(">") == {KEY: "b"}
    assert await peer.leases.renew(KEY, "b", 30, new) is not None


async def test_a_lease_that_is_renewed_does_not_end_before_the_last_renewal_does(backend, peer):
    # Given two leases, of which one is renewed and the other one acquired again and again
    leases, ttl, stolen = backend.leases, 1, []
    token = await leases.acquire("renewed", "a", ttl)

    async def renew():
        nonlocal token
        token = await leases.renew("renewed", "a", ttl, token or 0)
        await leases.acquire("acquired", "a", ttl)
        stolen.append(await peer.leases.acquire("renewed", "b", ttl))
        stolen.append(await peer.leases.acquire("acquired", "b", ttl))

    # When that lasts longer than its time to live, then nobody else gets them
    steadily = Steadily(renew)
    await steadily.keep_on(1.3 * ttl)
    assert steadily.paused(ttl) or not any(stolen)

    # And when it ends, somebody does
    assert await eventually(lambda: peer.leases.acquire("renewed", "b", ttl))
    assert await eventually(lambda: peer.leases.acquire("acquired", "b", ttl))


async def test_a_released_lease_is_free_at_once(backend, peer):
    old = await backend.leases.acquire(KEY, "a", 30)

    await backend.leases.release(KEY, "a", old)

    assert await backend.leases.holders(">") == {}
    assert await backend.leases.renew(KEY, "a", 30, old) is None
    assert await peer.leases.acquire(KEY, "b", 30) > old


async def test_releasing_what_is_not_held_does_nothing(backend, peer):
    # Given a lease that one had before another
    former = await peer.leases.acquire(KEY, "b", 30)
    await peer.leases.release(KEY, "b", former)
    await backend.leases.acquire(KEY, "a", 30)

    # When the former holder gives up what it has no more, and what it never had
    await peer.leases.release(KEY, "b", former)
    await peer.leases.release("partition.9", "b", former)

    # Then nobody loses anything
    assert await backend.leases.holders(">") == {KEY: "a"}


async def test_tokens_grow_with_every_change_of_holder(backend, peer):
    tokens = []
    for i in range(6):
        leases = (backend, peer)[i % 2].leases
        tokens.append(await leases.acquire(KEY, f"{i % 2}", 30))
        await leases.release(KEY, f"{i % 2}", tokens[-1])

    assert tokens == sorted(set(tokens))


async def test_holders_are_those_that_match_and_hold(backend, peer):
    # Given leases of several holders, one of which is over soon
    await backend.leases.acquire("partition.1", "a", 30)
    await backend.leases.acquire("partition.2", "b", 1)
    await backend.leases.acquire("lock.card.7", "a", 30)
    assert await peer.leases.holders("lock.>") == {"lock.card.7": "a"}
    assert await peer.leases.holders("other.>") == {}
    assert await peer.leases.holders("partition.1") == {"partition.1": "a"}

    # When it is, then nothing of it is left
    async def held():
        return await peer.leases.holders("partition.*") == {"partition.1": "a"}

    await eventually(held)


async def test_how_long_it_lasts_can_be_asked(backend, peer):
    assert await peer.leases.remaining(KEY) is None

    token = await backend.leases.acquire(KEY, "a", 30)

    assert 25 < await peer.leases.remaining(KEY) <= 31
    await backend.leases.release(KEY, "a", token)
    assert await peer.leases.remaining(KEY) is None


async def test_one_who_watches_is_notified_of_a_release(backend, peer):
    # Given two who watch, and one who did, and one who watches something else
    events = []
    for name, key in (("one", KEY), ("two", KEY), ("gone", KEY), ("other", "partition.33")):
        end = await peer.leases.watch(key, lambda name=name: events.append(name))
        if name == "gone":
            end()
    token = await backend.leases.acquire(KEY, "a", 30)
    await backend.leases.release(KEY, "a", token - 1)  # it was never held under that token

    # When it is given up
    await backend.leases.release(KEY, "a", token)

    # Then they are notified, and it is free
    await eventually(lambda: len(events) == 2)
    assert sorted(events) == ["one", "two"]
    assert await peer.leases.acquire(KEY, "b", 30) is not None


async def test_watching_may_end_twice(backend):
    # Given one who watches, and one who does no more
    gone, events = [], []
    end = await backend.leases.watch(KEY, lambda: gone.append(KEY))
    await backend.leases.watch(KEY, lambda: events.append(KEY))

    end()
    end()

    # Then the first is notified, and no other
    token = await backend.leases.acquire(KEY, "a", 30)
    await backend.leases.release(KEY, "a", token)
    await eventually(lambda: events)
    assert gone == []
