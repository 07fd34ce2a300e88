"""Pauses of queues and workflows, beside the runs: records, each changed by compare-and-set."""

from __future__ import annotations

__all__ = ["PauseStore"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.codec.json import decode_pause, encode
from flowworker.codec.pauses import pause_key

if TYPE_CHECKING:
    from flowworker.codec.pauses import Pausable
    from flowworker.core.standing import PauseRecord
    from flowworker.ports import Records


class PauseStore:
    """All that is, or was, paused in a namespace besides its runs."""

    def __init__(self, records: Records) -> None:
        """Keep everything in `records`, beside the runs."""
        self._records = records

    async def load(self, of: Pausable, name: str) -> tuple[PauseRecord, int] | None:
        """What was said of it last, with its revision; None if nothing ever was."""
        key = pause_key(of, name)
        found = await self._records.read(key)
        return None if found is None else (decode_pause(key, found[0]), found[1])

    async def save(self, of: Pausable, name: str, record: PauseRecord, revision: int) -> int:
        """Write a record over `revision` (0: create)."""
        return await self._records.write(pause_key(of, name), encode(record), revision)

    async def paused(self, of: Pausable) -> dict[str, PauseRecord]:
        """Those that pause, by name, sorted."""
        found = await self.said(of)
        return {name: record for name, record in found.items() if record.paused is not None}

    async def said(self, of: Pausable) -> dict[str, PauseRecord]:
        """What was said of each last, by name, sorted. Each that ever paused costs a read."""
        prefix = pause_key(of, "")
        names = sorted(one.removeprefix(prefix) for one in await self._records.keys(f"{prefix}>"))
        found = await asyncio.gather(*(self.load(of, name) for name in names))
        entries = zip(names, found, strict=True)
        return {name: entry[0] for name, entry in entries if entry is not None}
