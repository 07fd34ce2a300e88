"""Presences in the bucket of leases, which ends each entry by its time to live.

They are read by requests that name the key, so that permissions can tell who may see them and
nothing else of that bucket.
"""

from __future__ import annotations

__all__ = ["BucketPresences"]

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from flowworker.jetstream.client import headers
from flowworker.jetstream.client.subjects import subjects_of
from flowworker.jetstream.records import is_marker
from flowworker.ports import Entry

if TYPE_CHECKING:
    from flowworker.jetstream.client.api import Api, StoredMessage
    from flowworker.jetstream.client.publisher import Publisher
    from flowworker.jetstream.shards import Bucket

GRACE = 2.0
"""Seconds beyond the time to live: the server removes what expired once a second or so. What is
older has reappeared, as expired messages may when a server is killed."""

PARALLEL = 16


class BucketPresences:
    """Implements `ports.Presences`."""

    def __init__(self, publisher: Publisher, api: Api, bucket: Bucket) -> None:
        """Keep them in `bucket`; `api` reads by direct gets."""
        self._publisher = publisher
        self._api = api
        self._bucket = bucket

    async def put(self, key: str, value: bytes, ttl: int) -> None:
        """Show it for so many seconds."""
        block = headers.encode({headers.TTL: f"{ttl}s"})
        await self._publisher.publish(self._bucket.subject(key), value, block)

    async def remove(self, key: str) -> None:
        """Write a marker over it, which needs no right but that to put it."""
        block = headers.encode(headers.GIVEN_UP)
        await self._publisher.publish(self._bucket.subject(key), b"", block)

    async def entries(self, pattern: str) -> list[Entry]:
        """All that are shown."""
        stream, room = self._bucket.stream, asyncio.Semaphore(PARALLEL)
        subjects = sorted(await subjects_of(self._api, stream, self._bucket.filter(pattern)))

        async def read(subject: str) -> StoredMessage | None:
            async with room:
                return await self._api.last(stream, subject)

        messages = await asyncio.gather(*(read(subject) for subject in subjects))
        if not any(messages):
            return []
        info = await self._api.call(f"STREAM.INFO.{stream}")
        now = datetime.fromisoformat(info["ts"]).timestamp()
        found = (self._entry(one, now) for one in messages if one is not None)
        return [entry for entry in found if entry is not None]

    def _entry(self, message: StoredMessage, now: float) -> Entry | None:
        time = datetime.fromisoformat(message.time).timestamp()
        age = max(now - time, 0.0)
        if is_marker(message) or age > _time_to_live(message) + GRACE:
            return None
        return Entry(message.subject[len(self._bucket.prefix) :], message.data, time, age)


def _time_to_live(message: StoredMessage) -> float:
    """Seconds; 0 for what was put by nobody of ours."""
    text = headers.decode(message.hdrs).get(headers.TTL, "").removesuffix("s")
    return float(text) if text.isdigit() else 0.0
