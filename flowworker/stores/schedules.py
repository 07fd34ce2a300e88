"""Schedules, beside the runs: each a record of its own, changed by compare-and-set."""

from __future__ import annotations

__all__ = ["ScheduleStore"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.codec.json import decode_schedule, encode
from flowworker.codec.keys import schedule_key, scheduled_key

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from flowworker.core.occurrence import ScheduleRecord
    from flowworker.ports import Records

_TOGETHER = 64
"""Records that are read at a time."""


class ScheduleStore:
    """All schedules of a namespace."""

    def __init__(self, records: Records) -> None:
        """Keep everything in `records`, beside the runs."""
        self._records = records

    async def load(self, schedule: str) -> tuple[ScheduleRecord, int] | None:
        """A schedule's record and its revision, or None."""
        key = schedule_key(schedule)
        found = await self._records.read(key)
        return None if found is None else (decode_schedule(key, found[0]), found[1])

    async def revision(self, schedule: str) -> int:
        """Of its record; 0 if there is none."""
        found = await self._records.read(schedule_key(schedule))
        return 0 if found is None else found[1]

    async def save(self, record: ScheduleRecord, revision: int) -> int:
        """Write a record over `revision` (0: create)."""
        if record.defined and not revision:  # first: what is listed may not be there
            await self._records.put(scheduled_key(record.workflow, record.id), b"")
        return await self._records.write(schedule_key(record.id), encode(record), revision)

    async def remove(self, record: ScheduleRecord) -> None:
        """Remove a record, and what lists it."""
        await self._records.purge(schedule_key(record.id))
        await self._records.purge(scheduled_key(record.workflow, record.id))

    async def defined(self, workflow: str) -> list[str]:
        """Schedules of a workflow's definition that are there, or may be; sorted."""
        prefix = scheduled_key(workflow, "")
        keys = await self._records.keys(scheduled_key(workflow, "*"))
        return sorted(key.removeprefix(prefix) for key in keys)

    async def names(self) -> list[str]:
        """Of all schedules, sorted."""
        keys = await self._records.keys(schedule_key("*"))
        return sorted(key.removeprefix(schedule_key("")) for key in keys)

    async def all(self, after: str = "") -> AsyncGenerator[ScheduleRecord, None]:
        """Records of all schedules, or of those behind an id, by id."""
        names = [name for name in await self.names() if name > after]
        for first in range(0, len(names), _TOGETHER):
            part = names[first : first + _TOGETHER]
            for entry in await asyncio.gather(*(self.load(name) for name in part)):
                if entry is not None:
                    yield entry[0]
