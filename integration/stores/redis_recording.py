"""What stands in Redis, recorded: `python -m integration.stores.redis_recording v1-2`.

One key a line, with what it holds. As beside it (`tests/recorded/README.md`), what was recorded
stays as it is, and is read by every later release.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from msgspec import Struct
from redis import Redis

from bench.valkey import RedisServer
from flowworker import RedisLocker, RedisStore, Runner, load_paths
from tests.recorded import handlers
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests/recorded/redis"
WORKFLOWS = ROOT / "tests/recorded/workflows.yaml"


class Entry(Struct, omit_defaults=True):
    """A key of the database: a text, a hash, or a sorted set of names."""

    key: str
    text: str = ""
    fields: dict[str, str] = {}
    names: dict[str, float] = {}
    expires: bool = False


def entries(client: Any) -> Iterator[Entry]:
    """All that stands in a database."""
    for name in sorted(client.keys("*")):
        entry = Entry(name.decode(), expires=client.pttl(name) > 0)
        match client.type(name):
            case b"string":
                entry.text = client.get(name).decode()
            case b"hash":
                found = client.hgetall(name).items()
                entry.fields = {field.decode(): value.decode() for field, value in found}
            case b"zset":
                found = client.zrange(name, 0, -1, withscores=True)
                entry.names = {member.decode(): score for member, score in found}
            case kind:
                raise TypeError(f"{name!r} is a {kind!r}")
        yield entry


def restore(client: Any, found: list[Entry]) -> None:
    """Have a database hold that, without its ends."""
    for entry in found:
        if entry.fields:
            client.hset(entry.key, mapping=entry.fields)
        elif entry.names:
            client.zadd(entry.key, entry.names)
        else:
            client.set(entry.key, entry.text)


def recorded(path: Path) -> list[Entry]:
    return msgspec.json.Decoder(Entry).decode_lines(path.read_bytes())


async def kept(url: str) -> list[Entry]:
    """What is there after a run, an execution that is not over, large values, a lock, an emit."""
    async with RedisStore(url) as store, RedisLocker(url) as locker:
        async with Runner(store=store, locker=locker, app=handlers.app) as runner:
            for _, workflow in load_paths(WORKFLOWS):
                runner.register(workflow)
            await runner.execute_sync("redis-1", "chain", {"order": 7})
            await runner.execute_sync("redis-2", "emitting")
            await runner.execute_sync("redis-3", "large", {"size": 6_000})
            # A run has ended a moment before it is no longer listed as RUNNING, which comes last.
            with Redis.from_url(url) as client:
                await eventually(lambda: not client.keys("*:index.RUNNING.*"))
        await store.initialize_execution("redis-4", b'{"order":7}')
        await store.save_state("redis-4", "", "RUNNING")
        await store.save_state("redis-4", "a", "COMPLETED")
        await store.save_step_output("redis-4", "a", b'{"said":"before"}')
        await store.save_state("redis-4", "b", "RUNNING")
        await store.record_event_emitted("redis-4", "order.paid")
        await store.set_ttl("redis-4", 3600.0)
        await locker.acquire("stock", "redis-4", ttl=60)
        with Redis.from_url(url) as client:
            return list(entries(client))


def main() -> None:
    path = FOLDER / f"{sys.argv[1]}.jsonl"
    with (
        tempfile.TemporaryDirectory() as folder,
        RedisServer(Path(folder)) as server,
        patch("socket.gethostname", lambda: "host"),
    ):
        found = asyncio.run(kept(server.url))
    with path.open("xb") as file:
        file.write(msgspec.json.Encoder().encode_lines(found))


if __name__ == "__main__":
    main()
