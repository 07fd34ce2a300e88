"""The records of all runs: a bucket, or one for each shard."""

from __future__ import annotations

__all__ = ["ShardedRecords", "changed_since", "run_records"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.codec.keys import ANY_RUN, partition_in, run_in
from flowworker.jetstream.records import BucketRecords

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.client.publisher import Publisher
    from flowworker.jetstream.names import Names
    from flowworker.jetstream.shards import Shard, Spread
    from flowworker.ports import Records


def run_records(publisher: Publisher, api: Api, names: Names) -> Records:
    """Those of a namespace."""
    buckets = [BucketRecords(publisher, api, shard.runs) for shard in names.shards]
    return buckets[0] if len(buckets) == 1 else ShardedRecords(buckets, names.spread)


async def changed_since(
    publisher: Publisher, api: Api, names: Names, pattern: str, since: Mapping[int, int]
) -> list[str]:
    """Keys that match and were written at the revision given for their partition, or later.

    Those of other partitions may be among them: each shard is asked from its least revision on.
    """
    least: dict[Shard, int] = {}
    for partition, revision in since.items():
        shard = names.shard(partition)
        least[shard] = min(revision, least.get(shard, revision))
    found: list[str] = []
    for shard, revision in least.items():
        found += await BucketRecords(publisher, api, shard.runs).changed(pattern, revision)
    return found


class ShardedRecords:
    """Implements `ports.Records`: what is of a run or a partition in its shard; else in the first.

    A pattern that may be about any run is one to all of them.
    """

    def __init__(self, shards: Sequence[Records], spread: Spread) -> None:
        """Over the records of each shard."""
        self._shards = shards
        self._spread = spread

    async def read(self, key: str) -> tuple[bytes, int] | None:
        """Value and revision, or None."""
        return await self._of(key)[0].read(key)

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """Compare-and-set: the new revision."""
        return await self._of(key)[0].write(key, value, revision)

    async def put(self, key: str, value: bytes, *, ttl: int = 0) -> int:
        """Write whatever is there: the new revision."""
        return await self._of(key)[0].put(key, value, ttl=ttl)

    async def keys(self, pattern: str) -> list[str]:
        """Existing keys that match, in no order."""
        found = await asyncio.gather(*(one.keys(pattern) for one in self._of(pattern)))
        return [key for keys in found for key in keys]

    async def few(self, patterns: Sequence[str], most: int) -> dict[str, tuple[bytes, int]] | None:
        """Value and revision by key of all that match, or None for more than that."""
        asked: dict[int, list[str]] = {}
        for pattern in patterns:
            for shard in self._numbers(pattern):
                asked.setdefault(shard, []).append(pattern)
        parts = await asyncio.gather(
            *(self._shards[shard].few(some, most) for shard, some in asked.items())
        )
        found: dict[str, tuple[bytes, int]] = {}
        for part in parts:
            if part is None:
                return None
            found |= part
        return found if len(found) <= most else None

    async def purge(self, pattern: str, through: int = 0) -> None:
        """Remove all matching keys and every trace of them."""
        await asyncio.gather(*(one.purge(pattern, through) for one in self._of(pattern)))

    def _of(self, pattern: str) -> list[Records]:
        return [self._shards[number] for number in self._numbers(pattern)]

    def _numbers(self, pattern: str) -> Sequence[int]:
        if (partition := partition_in(pattern)) is not None:
            return (self._spread.shard_with(partition),)
        run = run_in(pattern)
        if run == ANY_RUN:
            return range(len(self._shards))
        return (self._spread.shard_of(run),) if run else (0,)
