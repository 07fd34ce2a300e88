"""Signals that were sent to runs: kept as long as the run, each taken once.

Safety: of all attempts that want one, that has it whose name stands in its record; it gets there by
compare-and-set. Ids are in the order of sending, and a message that comes again has the same id.
"""

from __future__ import annotations

__all__ = ["SignalStore", "signal_id"]

import asyncio
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from flowworker.codec.json import decode_record, encode
from flowworker.codec.keys import heard_key, signal_key
from flowworker.core.records import SignalRecord
from flowworker.errors import Conflict

if TYPE_CHECKING:
    from flowworker.ports import Records

_decoder = msgspec.json.Decoder(SignalRecord)


def signal_id(sequence: int, time: float) -> str:
    """Of the message of that sequence, which was stored at that time: sorts by both."""
    return f"{round(time * 1e6):017d}-{sequence:012d}"


class SignalStore:
    """Signals in the records of runs."""

    def __init__(self, records: Records) -> None:
        """Keep everything in `records`, beside the runs."""
        self._records = records

    async def keep(self, signal: SignalRecord, message_id: str) -> bool:
        """Keep it, unless another one with that message id, if it has one, was kept before.

        False if so. May be repeated.
        """
        if message_id and not await self._hear(signal, message_id):
            return False
        with suppress(Conflict):  # this very signal was kept before
            await self._records.write(
                signal_key(signal.run, signal.id, signal.name), encode(signal), 0
            )
        return True

    async def is_kept(self, run: str, message_id: str) -> bool:
        """Whether a signal with that message id is kept, or about to be."""
        return await self._records.read(_heard(run, message_id)) is not None

    async def of(self, run: str, name: str) -> list[tuple[SignalRecord, int]]:
        """All signals of that name with their revisions, the oldest first."""
        keys = sorted(await self._records.keys(signal_key(run, "*", name)))
        found = await asyncio.gather(*(self._load(key) for key in keys))
        return [entry for entry in found if entry is not None]

    async def take(self, signal: SignalRecord, revision: int, attempt: str) -> None:
        """Write that the attempt has it, over `revision`, or raise Conflict."""
        taken = msgspec.structs.replace(signal, taken_by=attempt)
        key = signal_key(signal.run, signal.id, signal.name)
        await self._records.write(key, encode(taken), revision)

    async def holder(self, signal: SignalRecord) -> str:
        """The attempt that has it now, or empty."""
        found = await self._load(signal_key(signal.run, signal.id, signal.name))
        return "" if found is None else found[0].taken_by

    async def _load(self, key: str) -> tuple[SignalRecord, int] | None:
        found = await self._records.read(key)
        return None if found is None else (decode_record(key, found[0], _decoder), found[1])

    async def _hear(self, signal: SignalRecord, message_id: str) -> bool:
        key = _heard(signal.run, message_id)
        try:
            await self._records.write(key, signal.id.encode(), 0)
        except Conflict:
            found = await self._records.read(key)
            return found is None or found[0] == signal.id.encode()
        return True


def _heard(run: str, message_id: str) -> str:
    return heard_key(run, sha256(message_id.encode()).hexdigest()[:32])
