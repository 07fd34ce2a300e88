"""Records on a key-value bucket, by raw subjects.

A revision is the stream's sequence: it grows with every write to the bucket and never starts
again, so that a key which was purged and written anew has a revision that it never had before.
Reads ask the stream's leader for the subject's last message.
"""

from __future__ import annotations

__all__ = ["BucketRecords"]

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from flowworker.errors import Conflict, Unavailable
from flowworker.jetstream.api import ApiError, StoredMessage
from flowworker.jetstream.headers import expecting
from flowworker.jetstream.publisher import Failure, UncertainConflict

if TYPE_CHECKING:
    from flowworker.jetstream.api import Api
    from flowworker.jetstream.names import Bucket
    from flowworker.jetstream.publisher import Publisher

PAGE_ATTEMPTS = 5

MARKER = b"\r\nKV-Operation:"
"""Header of what other tools leave behind when they delete a key."""
EXPIRY_MARKER = b"\r\nNats-Marker-Reason:"


class _State(Struct, frozen=True):
    subjects: dict[str, int] | None = None


class _Info(Struct, frozen=True):
    """Stream info, as far as subjects go; they come in pages."""

    state: _State = _State()
    total: int = 0
    error: Failure | None = None


_decode_info = msgspec.json.Decoder(_Info).decode


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
        return None if message is None or _is_marker(message) else (message.data, message.seq)

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
        """Whom the conflict is with: ourselves, a deletion marker, or somebody else."""
        message = await self._last(subject)
        if message is None:
            raise conflict
        if isinstance(conflict, UncertainConflict) and message.seq > revision:
            if message.data == value and not _is_marker(message):
                return message.seq
        elif revision == 0 and _is_marker(message):
            return (await self._publisher.publish(subject, value, expecting(message.seq))).seq
        raise conflict

    async def put(self, key: str, value: bytes) -> int:
        """Write whatever is there: the new revision."""
        return (await self._publisher.publish(self._bucket.subject(key), value)).seq

    async def keys(self, pattern: str) -> list[str]:
        """Existing keys that match, in no order.

        The server pages beyond 100,000. Pages are sorted, so that only keys that vanish meanwhile
        could hide others; then we start again.
        """
        subject_filter = self._bucket.filter(pattern)
        found: set[str] = set()
        for _ in range(PAGE_ATTEMPTS):
            found, complete = await self._pages(subject_filter)
            if complete:
                break
        cut = len(self._bucket.prefix)
        return [subject[cut:] for subject in found]

    async def _pages(self, subject_filter: str) -> tuple[set[str], bool]:
        found: set[str] = set()
        offset, before = 0, 0
        while True:
            info = await self._page(subject_filter, offset)
            page = info.state.subjects or {}
            found.update(page)
            offset += len(page)
            if info.total < before:
                return found, False
            if not page or offset >= info.total:
                return found, True
            before = info.total

    async def _page(self, subject_filter: str, offset: int) -> _Info:
        request = f"STREAM.INFO.{self._bucket.stream}"
        query = {"subjects_filter": subject_filter, "offset": offset}
        raw = await self._api.raw(request, msgspec.json.encode(query))
        try:
            info = _decode_info(raw)
        except msgspec.DecodeError as error:
            raise Unavailable(f"{request}: {error}") from error
        if info.error is not None:
            raise ApiError(request, info.error)
        return info

    async def purge(self, pattern: str) -> None:
        """Remove all matching keys and every trace of them."""
        await self._api.purge(self._bucket.stream, self._bucket.filter(pattern))

    async def _last(self, subject: str) -> StoredMessage | None:
        return await self._api.message(self._bucket.stream, {"last_by_subj": subject})


def _is_marker(message: StoredMessage) -> bool:
    return bool(message.hdrs) and (MARKER in message.hdrs or EXPIRY_MARKER in message.hdrs)
