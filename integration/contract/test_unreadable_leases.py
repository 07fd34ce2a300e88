"""The `Leases` port, where bytes can be damaged: in memory there are none."""

from __future__ import annotations

import asyncio
import time

import pytest
from redis.asyncio import Redis

from flowworker.jetstream import Names
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.publisher import Publisher
from flowworker.ports import records
from integration.contract.support import SLACK
from tests.support.logs import Containing
from tests.support.waiting import eventually

pytestmark = pytest.mark.parametrize("adapter_name", ["jetstream", "redis"])

KEY = "partition.3"


@pytest.fixture
def damage(adapter_name, backend, request):
    """Writes over a lease, as a foreign hand would."""

    async def in_jetstream(key):
        connection = await connect(request.getfixturevalue("options"))
        subject = Names(backend.namespace).locks.subject(key)
        await Publisher(connection).publish(subject, b"{damaged", b"")
        await connection.close()

    async def in_redis(key):
        name = f"{{{backend.namespace}}}:lease:value:{key}"
        async with Redis.from_url(request.getfixturevalue("redis_server").url) as client:
            await client.set(name, b"damaged")

    return {"jetstream": in_jetstream, "redis": in_redis}[adapter_name]


async def test_its_holder_has_lost_it_and_nobody_else_gets_it_at_once(backend, peer, damage, logs):
    # Given a lease that is held, and another
    token = await backend.leases.acquire(KEY, "a", 30)
    await backend.leases.acquire("partition.4", "a", 30)

    # When its bytes are damaged
    await damage(KEY)

    # Then the one who held it is notified at the next renewal, and nobody has it for now
    assert await backend.leases.renew(KEY, "a", 30, token) is None
    await backend.leases.release(KEY, "a", token)
    for _ in range(5):
        assert await backend.leases.acquire(KEY, "a", 30) is None
        assert await peer.leases.acquire(KEY, "b", 30) is None
    assert await peer.leases.holders("partition.*") == {"partition.4": "a"}
    assert 1 < await peer.leases.remaining(KEY) <= 33

    # And each of the two has named it once
    assert len(logs.at("warning")) == len(logs.having("warning", key=Containing(KEY))) == 2


async def test_one_gets_it_when_it_is_old_enough(backend, peer, damage, monkeypatch):
    # Given a lease that was damaged
    monkeypatch.setattr(records, "UNREADABLE_LEASE", 1.0)
    await damage(KEY)
    since = time.monotonic()

    # When two ask for it until one has it
    async def either():
        asked = (peer.leases.acquire(KEY, "b", 1), backend.leases.acquire(KEY, "a", 1))
        tokens = await asyncio.gather(*asked)
        return tokens if any(tokens) else None

    tokens = await eventually(either)

    # Then it was not at once, and it is a lease as any other
    assert time.monotonic() - since > 1.0 - SLACK
    assert tokens.count(None) == 1
    leases, holder = (peer.leases, "b") if tokens[0] else (backend.leases, "a")
    token = await leases.renew(KEY, holder, 30, max(filter(None, tokens)))
    assert token is not None
    assert await backend.leases.holders(KEY) == {KEY: holder}
    await leases.release(KEY, holder, token)
    assert await backend.leases.remaining(KEY) is None


async def test_it_holds_for_as_long_as_the_one_who_asks_would_have_it(backend, damage, monkeypatch):
    monkeypatch.setattr(records, "UNREADABLE_LEASE", 0.0)
    await damage(KEY)
    await damage("partition.4")

    assert await backend.leases.acquire(KEY, "a", 600) is None
    assert await eventually(lambda: backend.leases.acquire("partition.4", "a", 1))
    assert await backend.leases.acquire(KEY, "a", 600) is None
