"""Values that would not fit a message: chunked, keyed by run, checked by digest.

A client that has more to send than fits a message *uploads* it and sends the reference. An upload
that no coordinator takes over is removed by its time to live.

Chunks are plain records under `<run>.<name>.<digest>.<n>`; a read asks for each by its key. (An
object store would leave a consumer behind for every read.)
"""

from __future__ import annotations

__all__ = ["UPLOAD_TTL", "PayloadStore", "input_digest"]

import asyncio
import hashlib
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.json import decode, encode

from flowworker.codec.json import MAX_NESTING, UNREADABLE, is_nested_too_deep
from flowworker.core.payload import Inline, Stored, inline
from flowworker.errors import CorruptRecord, InvalidInput, PayloadTooLarge

if TYPE_CHECKING:
    from flowworker.core.payload import Payload
    from flowworker.ports import Records
    from flowworker.settings import Settings

CHUNK = 512 * 1024
"""Half of the default limit of a NATS message."""

UPLOAD_TTL = 7 * 24 * 3600
"""Seconds that an upload waits for a coordinator to take it over. A start that waits for longer
is rejected."""

_PARALLEL = 4
"""Chunks of a payload that are on their way at a time."""


class PayloadStore:
    """Makes payloads of bytes and bytes of payloads."""

    def __init__(self, records: Records, settings: Settings) -> None:
        """Keep what is larger than the settings' inline limit in `records`."""
        self._records = records
        self._inline_limit = settings.inline_limit
        self._limit = settings.payload_limit

    async def pack(
        self, run: str, name: str, data: bytes, *, inline_limit: int | None = None
    ) -> Payload:
        """Bytes as a payload: inline if small.

        Args:
            run: whose payload it is, and whose end is its end.
            name: unique in the run for this value; the same name with the same bytes is fine.
            data: a JSON value.
            inline_limit: what is small; as the settings say if None.

        Raises:
            PayloadTooLarge: it exceeds the limit.
            InvalidInput: it is nested too deep.
        """
        if is_nested_too_deep(data):
            raise InvalidInput(f"{name}: nested deeper than {MAX_NESTING} levels")
        if len(data) <= (self._inline_limit if inline_limit is None else inline_limit):
            return inline(data)
        return await self.store(run, name, data)

    async def store(self, run: str, name: str, data: bytes, *, ttl: int = 0) -> Stored:
        """Bytes of any size as a reference; removed after `ttl` seconds, if that is given."""
        if len(data) > self._limit:
            message = f"{name}: {len(data):,} bytes exceed the limit of {self._limit:,} bytes"
            raise PayloadTooLarge(f"{message}; store it elsewhere and pass a reference to it")
        digest = hashlib.sha256(data).hexdigest()
        key = _key(run, name, digest)
        gate = asyncio.Semaphore(_PARALLEL)

        async def put(index: int) -> None:
            async with gate:
                chunk = data[index * CHUNK : (index + 1) * CHUNK]
                await self._records.put(f"{key}.{index}", chunk, ttl=ttl)

        await asyncio.gather(*(put(index) for index in range(_chunks(len(data)))))
        return Stored(key, len(data), digest)

    async def upload(self, run: str, data: bytes) -> Stored:
        """Store bytes that a command to that run will refer to, under a key of their own."""
        return await self.store(run, f"upload.{secrets.token_hex(16)}", data, ttl=UPLOAD_TTL)

    async def load(self, payload: Payload) -> bytes:
        """The JSON bytes of a payload.

        Raises:
            CorruptRecord: a chunk is missing, or the bytes are not those that were stored.
        """
        if isinstance(payload, Inline):
            return bytes(payload.data)
        gate = asyncio.Semaphore(_PARALLEL)

        async def get(index: int) -> bytes:
            async with gate:
                found = await self._records.read(f"{payload.key}.{index}")
            if found is None:
                raise CorruptRecord(payload.key, b"", f"chunk {index} is missing")
            return found[0]

        chunks = await asyncio.gather(*(get(index) for index in range(_chunks(payload.size))))
        data = b"".join(chunks)
        if len(data) != payload.size or hashlib.sha256(data).hexdigest() != payload.digest:
            raise CorruptRecord(payload.key, data, "size or digest do not match")
        return data

    async def forget(self, run: str, name: str, digest: str) -> None:
        """Remove what `pack` may have stored of bytes with that digest; there may be nothing."""
        await self._records.purge(f"{_key(run, name, digest)}.*")

    async def drop(self, stored: Stored) -> None:
        """Remove one payload."""
        await self._records.purge(f"{stored.key}.*")

    async def purge(self, run: str) -> None:
        """Forget all payloads of a run."""
        await self._records.purge(f"{run}.>")


def _key(run: str, name: str, digest: str) -> str:
    """The digest is in it: two attempts that put out different bytes do not mix."""
    return f"{run}.{name}.{digest[:16]}"


def _chunks(size: int) -> int:
    return max(1, -(-size // CHUNK))


def input_digest(data: bytes) -> bytes:
    """Equal for inputs that are the same JSON value, however they are written."""
    with suppress(*UNREADABLE):  # these are equal to the same bytes alone
        data = encode(decode(data), order="sorted")
    return hashlib.sha256(data).digest()
