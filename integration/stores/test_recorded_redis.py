"""What version 1 kept in Redis is read by this release, which keeps it in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from bench.valkey import RedisServer
from flowworker import LockTimeoutError, RedisLocker, RedisStore, Runner, load_paths
from integration.stores.redis_recording import (
    FOLDER,
    WORKFLOWS,
    Entry,
    kept,
    recorded,
    restore,
)
from tests.recorded.handlers import app

RECORDINGS = sorted(FOLDER.glob("*.jsonl"), key=lambda path: path.stem)


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(redis_server.url) as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
async def test_what_was_kept_is_read_and_gone_on_with(
    redis_server: RedisServer, client: Redis, recording: Path
):
    restore(client, recorded(recording))

    async with RedisStore(redis_server.url) as store:
        assert await store.list_executions("COMPLETED") == ["redis-1", "redis-2", "redis-3"]
        assert await store.get_step_output("redis-1", "c") == b'{"said":"c"}'
        assert await store.is_event_emitted("redis-2", "order.paid")
        assert len(await store.get_step_output("redis-3", "make")) > 6_000
        assert await store.get_state("redis-4") == {
            "": "RUNNING",
            "a": "COMPLETED",
            "b": "RUNNING",
        }
        async with Runner(store=store, app=app) as runner:
            (chain,) = (found for _, found in load_paths(WORKFLOWS) if found.name == "chain")
            result = await runner.resume_execution("redis-4", chain)
    assert (result["order"], result["a"], result["c"]) == (7, {"said": "before"}, {"said": "c"})


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
async def test_a_lock_that_was_held_is_held(
    redis_server: RedisServer, client: Redis, recording: Path
):
    found = recorded(recording)
    (lock,) = (each for each in found if each.key.endswith(":lock.stock"))
    restore(client, found)
    client.pexpire(lock.key, 3_600_000)
    (names,) = (each.key for each in found if each.key.endswith(":lease:names"))
    client.zadd(names, {"lock.stock": 1000.0 * (client.time()[0] + 3_600)})

    async with RedisLocker(redis_server.url) as locker:
        with pytest.raises(LockTimeoutError):
            await locker.acquire("stock", "redis-5", ttl=5)
        leases = await locker.leases()
        assert await leases.holders("lock.stock") == {"lock.stock": "redis-4"}


async def test_what_is_kept_today_is_what_was_recorded(redis_server: RedisServer, client: Redis):
    today = await kept(redis_server.url)

    assert client.dbsize() > 0
    assert forms(today) == forms(recorded(RECORDINGS[-1]))


def forms(found: list[Entry]) -> list[tuple[object, ...]]:
    """Keys and their contents without what differs from time to time."""
    return [
        (
            _masked(each.key),
            bool(each.text),
            {name: _masked(value) for name, value in each.fields.items()},
            {_masked(name) for name in each.names},
            each.expires,
        )
        for each in found
    ]


def _masked(text: str) -> str:
    text = re.sub(r'"trace":"[^"]+"', '"trace":"<trace>"', text)
    text = re.sub(r'"worker":"[^"]+"|_INBOX\.[\w.-]+', "<name>", text)
    return re.sub(r"\d+(\.\d+)?", "<n>", text)
