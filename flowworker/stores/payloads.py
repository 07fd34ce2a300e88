"""Values that would not fit a message: chunked, keyed by run, checked by digest.

A client that has more to send than fits a message *uploads* it and sends the reference. An upload
that no coordinator takes over is removed by its time to live.

Chunks are plain records under `<run>.<sender>.<name>.<digest>.<n>`; a read asks for each by its
key. (An object store would leave a consumer behind for every read.) The sender is the queue of the
worker that stored it, `coordinator` or `upload`, so that the broker can keep each to its own.
"""

from __future__ import annotations

__all__ = ["UPLOAD_TTL", "PayloadStore", "input_digest"]

import asyncio
import base64
import binascii
import hashlib
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Raw
from msgspec.json import decode, encode

from flowworker.codec.json import MAX_NESTING, UNREADABLE, is_nested_too_deep
from flowworker.core.ids import UPLOAD
from flowworker.core.payload import Inline, Stored, inline
from flowworker.errors import CorruptRecord, InvalidInput, PayloadTooLarge
from flowworker.redaction import Rules, secrets_of
from flowworker.stores.sealing import Sealing

if TYPE_CHECKING:
    from flowworker.core.payload import Payload
    from flowworker.ports import Records
    from flowworker.settings import Settings

CHUNK = 512 * 1024
"""Half of the default limit of a NATS message."""

UPLOAD_TTL = 7 * 24 * 3600
"""Seconds that an upload waits for a coordinator to take it over. A start that waits for longer
is rejected."""

_AROUND = 128
"""Bytes of JSON around a sealed payload in a command."""

_PARALLEL = 4
"""Chunks of a payload that are on their way at a time."""


class PayloadStore:
    """Makes payloads of bytes and bytes of payloads.

    `pack`, `for_command` and `upload` seal, and `load` opens, if the fleet seals payloads; `store`
    and `read` do neither.
    """

    def __init__(
        self, records: Records, settings: Settings, sealing: Sealing | None = None
    ) -> None:
        """Keep what is larger than the settings' inline limit in `records`."""
        self._records = records
        self._sealing = sealing or Sealing()
        self._inline_limit = settings.inline_limit
        self._limit = settings.payload_limit
        self._rules = Rules(settings.redact)

    async def pack(
        self,
        run: str,
        sender: str,
        name: str,
        data: bytes,
        *,
        place: str,
        inline_limit: int | None = None,
        private: bool = False,
    ) -> Payload:
        """Bytes as a payload: inline if small, and not to be kept out of events.

        Args:
            run: whose payload it is, and whose end is its end.
            sender: who stores it: a queue, or `coordinator`.
            name: unique among what it stores of the run, for this value; the same name with the
                same bytes is fine.
            data: a JSON value.
            place: where in the run it stands (`stores.sealing`); it can be loaded from there alone.
            inline_limit: what is small; as the settings say if None.
            private: it is of a run with secrets. Others are as well that have a field which
                `redact` names. Who hears of a sealed one cannot read it anyway.

        Raises:
            PayloadTooLarge: it exceeds the limit.
            InvalidInput: it is nested too deep.
        """
        if is_nested_too_deep(data):
            raise InvalidInput(f"{name}: nested deeper than {MAX_NESTING} levels")
        self._check_size(name, data)
        limit = self._inline_limit if inline_limit is None else inline_limit
        key, sealed = await self._sealing.seal(run, place, data)
        is_small = _inline_size(key, sealed) <= limit
        if is_small and (key or not (private or self._has_secrets(data))):
            return _inline(key, sealed)
        return await self.store(run, sender, name, sealed, key=key)

    def _has_secrets(self, data: bytes) -> bool:
        return bool(self._rules.names) and secrets_of(decode(data), self._rules) is not None

    async def for_command(self, run: str, place: str, data: bytes, room: int) -> Payload | None:
        """What a command carries for a value: sealed, or uploaded if it has more than `room` bytes.

        None if it carries the value itself.

        Raises:
            InvalidInput: the fleet seals payloads, and nothing here does.
        """
        if self._sealing.expected and not self._sealing.active:
            raise InvalidInput(
                "this fleet seals payloads, and what is sent from here would be readable: give "
                "FLOWWORKER_PAYLOAD_KEYS the fleet's keys"
            )
        if not self._sealing.active and len(data) <= room:
            return None
        if self._sealing.active and _inline_size("", data) <= room:
            key, sealed = await self._sealing.seal(run, place, data)
            if _inline_size(key, sealed) + _AROUND <= room:
                return _inline(key, sealed)
        return await self.upload(run, place, data)

    async def store(
        self, run: str, sender: str, name: str, data: bytes, *, key: str = "", ttl: int = 0
    ) -> Stored:
        """Bytes of any size as a reference; removed after `ttl` seconds, if that is given.

        `key` is the id of the key that they are sealed with, if they are.
        """
        if not key:
            self._check_size(name, data)
        return await self.store_under(f"{run}.{sender}.{name}", data, key=key, ttl=ttl)

    async def store_under(self, name: str, data: bytes, *, key: str = "", ttl: int = 0) -> Stored:
        """The same, whatever the size, under a name that is a run's or anything else's."""
        digest = hashlib.sha256(data).hexdigest()
        at = _key(name, digest)
        gate = asyncio.Semaphore(_PARALLEL)

        async def put(index: int) -> None:
            async with gate:
                chunk = data[index * CHUNK : (index + 1) * CHUNK]
                await self._records.put(f"{at}.{index}", chunk, ttl=ttl)

        await asyncio.gather(*(put(index) for index in range(_chunks(len(data)))))
        return Stored(at, len(data), digest, key)

    async def upload(self, run: str, place: str, data: bytes) -> Stored:
        """Store bytes that a command to that run will refer to, under a key of their own."""
        name = secrets.token_hex(16)
        self._check_size(f"{UPLOAD}.{name}", data)
        key, sealed = await self._sealing.seal(run, place, data)
        return await self.store(run, UPLOAD, name, sealed, key=key, ttl=UPLOAD_TTL)

    async def load(self, payload: Payload, run: str, *places: str) -> bytes:
        """The JSON bytes of a payload of that run, which stands in one of the places.

        Raises:
            CorruptRecord: a chunk is missing, or the bytes are not those that were stored, or not
                sealed for such a place.
            PayloadKeyMissing: it is sealed with a key that is not here.
        """
        where = payload.key if isinstance(payload, Stored) else f"{places[0]} of run {run}"
        if isinstance(payload, Stored):
            data = await self.read(payload)
        else:
            data = _sealed_bytes(payload, where) if payload.sealed else bytes(payload.data)
        return await self._sealing.open(payload.sealed, data, run, places, where)

    def plain(self, payload: Inline) -> bytes | None:
        """The same for one that needs neither keys nor a look; None for others."""
        may_be_plain = not payload.sealed and not self._sealing.required
        return bytes(payload.data) if may_be_plain else None

    async def read(self, payload: Stored) -> bytes:
        """The bytes that a reference stands for, as they are stored.

        Raises:
            CorruptRecord: a chunk is missing, or the bytes are not those that were stored.
        """
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

    async def forget(self, run: str, sender: str, name: str) -> None:
        """Remove what `pack` may have stored under that name, whatever it was."""
        await self._records.purge(f"{_key(f'{run}.{sender}.{name}', '*')}.*")

    async def drop(self, stored: Stored) -> None:
        """Remove one payload."""
        await self._records.purge(f"{stored.key}.*")

    async def purge(self, run: str) -> None:
        """Forget all payloads of a run."""
        await self._records.purge(f"{run}.>")

    def _check_size(self, name: str, data: bytes) -> None:
        if len(data) > self._limit:
            message = f"{name}: {len(data):,} bytes exceed the limit of {self._limit:,} bytes"
            raise PayloadTooLarge(f"{message}; store it elsewhere and pass a reference to it")


def _key(name: str, digest: str) -> str:
    """The digest is in it: two attempts that put out different bytes do not mix."""
    return f"{name}.{digest[:16]}"


def _inline(key: str, data: bytes) -> Inline:
    return Inline(Raw(b'"%s"' % base64.b64encode(data)), key) if key else inline(data)


def _inline_size(key: str, data: bytes) -> int:
    return 4 * -(-len(data) // 3) + len(key) if key else len(data)


def _sealed_bytes(payload: Inline, where: str) -> bytes:
    try:
        return base64.b64decode(decode(payload.data, type=str), validate=True)
    except (*UNREADABLE, binascii.Error) as error:
        raise CorruptRecord(where, bytes(payload.data), f"expected base64: {error}") from error


def _chunks(size: int) -> int:
    return max(1, -(-size // CHUNK))


def input_digest(data: bytes) -> bytes:
    """Equal for inputs that are the same JSON value, however they are written."""
    with suppress(*UNREADABLE):  # these are equal to the same bytes alone
        data = encode(decode(data), order="sorted")
    return hashlib.sha256(data).digest()
