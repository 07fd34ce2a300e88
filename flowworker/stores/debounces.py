"""Which run of a debounced key is the last, beside the runs: a record each, by compare-and-set."""

from __future__ import annotations

__all__ = ["DebounceStore"]

from typing import TYPE_CHECKING

from flowworker.codec.json import decode_debounce, encode
from flowworker.codec.keys import debounce_key
from flowworker.core.debounce import DebounceRecord

if TYPE_CHECKING:
    from flowworker.ports import Records


class DebounceStore:
    """All keys of a namespace."""

    def __init__(self, records: Records) -> None:
        """Keep everything in `records`, beside the runs."""
        self._records = records

    async def load(self, key: str) -> tuple[DebounceRecord, int]:
        """A key's record and its revision; an empty one and 0 if there is none."""
        name = debounce_key(key)
        found = await self._records.read(name)
        if found is None:
            return DebounceRecord(key), 0
        return decode_debounce(name, found[0]), found[1]

    async def save(self, record: DebounceRecord, revision: int) -> int:
        """Write a record over `revision` (0: create)."""
        return await self._records.write(debounce_key(record.id), encode(record), revision)

    async def remove(self, key: str, revision: int) -> None:
        """Remove a key's record, unless it has changed since that revision."""
        await self._records.purge(debounce_key(key), revision)
