"""Records on a key-value bucket, by raw subjects.

A revision is the stream's sequence: it grows with every write to the bucket and never starts
again, so that a key which was purged and written anew has a revision that it never had before.
Reads ask for the subject's last message: the stream's leader, unless the API is for direct gets.
"""

from __future__ import annotations

__all__ = ["BucketRecords", "is_marker"]

from typing import TYPE_CHECKING

from flowworker.errors import Conflict
from flowworker.jetstream.client import headers
from flowworker.jetstream.client.headers import expecting
from flowworker.jetstream.client.latest import last_of_each
from flowworker.jetstream.client.publisher import UncertainConflict
from flowworker.jetstream.client.subjects import subjects_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.jetstream.client.api import Api, StoredMessage
    from flowworker.jetstream.client.publisher import Publisher
    from flowworker.jetstream.shards import Bucket


class BucketRecords:
    """Implements `ports.Records`."""

    def __init__(self, publisher: Publisher, api: Api, bucket: Bucket) -> None:
        """Keep everything in `bucket`."""
        self._publisher = publisher
        self._api = api
        self._bucket = bucket

    async def read(self, key: str) -> tuple[bytes, int] | None:
        """Value and revision, or None."""
        message = await self._last(self._bucket.subject(key))
        return None if message is None or is_marker(message) else (message.data, message.seq)

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """Compare-and-set: the new revision."""
        subject = self._bucket.subject(key)
        try:
            ack = await self._publisher.publish(subject, value, expecting(revision))
        except Conflict as conflict:
            if revision and not isinstance(conflict, UncertainConflict):
                raise
            return await self._look(subject, value, revision, conflict)
        return ack.seq

    async def _look(self, subject: str, value: bytes, revision: int, conflict: Conflict) -> int:
        """What the conflict is with: the same write, a deletion marker, or another process."""
        message = await self._last(subject)
        if message is None:
            raise conflict
        if isinstance(conflict, UncertainConflict) and message.seq > revision:
            if message.data == value and not is_marker(message):
                return message.seq
        elif revision == 0 and is_marker(message):
            return (await self._publisher.publish(subject, value, expecting(message.seq))).seq
        raise conflict

    async def put(self, key: str, value: bytes, *, ttl: int = 0) -> int:
        """Write whatever is there: the new revision."""
        block = headers.encode({headers.TTL: f"{ttl}s"}) if ttl else b""
        return (await self._publisher.publish(self._bucket.subject(key), value, block)).seq

    async def keys(self, pattern: str) -> list[str]:
        """Existing keys that match, in no order."""
        found = await subjects_of(self._api, self._bucket.stream, self._bucket.filter(pattern))
        cut = len(self._bucket.prefix)
        return [subject[cut:] for subject in found]

    async def few(self, patterns: Sequence[str], most: int) -> dict[str, tuple[bytes, int]] | None:
        """Value and revision by key of all that match, or None for more than that."""
        subjects = [self._bucket.filter(pattern) for pattern in patterns]
        found = await last_of_each(self._api, self._bucket.stream, subjects, most)
        cut = len(self._bucket.prefix)
        return found and {subject[cut:]: each for subject, each in found.items()}

    async def changed(self, pattern: str, revision: int) -> list[str]:
        """Keys that match and were written at that revision of the bucket, or later.

        One request for each, from the revision on: what is older is not looked at.
        """
        found, cut = [], len(self._bucket.prefix)
        query = {"seq": max(revision, 1), "next_by_subj": self._bucket.filter(pattern)}
        while (message := await self._api.message(self._bucket.stream, query)) is not None:
            if not is_marker(message):
                found.append(message.subject[cut:])
            query["seq"] = message.seq + 1
        return found

    async def purge(self, pattern: str, through: int = 0) -> None:
        """Remove all matching keys and every trace of them."""
        before = through + 1 if through else 0
        await self._api.purge(self._bucket.stream, self._bucket.filter(pattern), before)

    async def _last(self, subject: str) -> StoredMessage | None:
        return await self._api.last(self._bucket.stream, subject)


def is_marker(message: StoredMessage) -> bool:
    """Whether it says that there is nothing: what is left of a key that was deleted or expired."""
    return headers.is_marker(message.hdrs)
