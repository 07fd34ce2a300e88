"""Whether each schedule has something that gives it its next turn."""

from __future__ import annotations

__all__ = ["timers_of_schedules"]

from typing import TYPE_CHECKING

from flowworker.codec.json import decode_schedule
from flowworker.codec.keys import SCHEDULE_CHANGED, SCHEDULE_NEXT, schedule_key
from flowworker.jetstream.findings import Finding
from flowworker.jetstream.timetable import kept_and_timed

if TYPE_CHECKING:
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.names import Names
    from flowworker.ports import Records

MOST = 200
"""Schedules without a timer whose records are read: those that are paused or over have none."""


async def timers_of_schedules(api: Api, names: Names, records: Records) -> Finding:
    """A timer, or a run that has not ended: both set it off. Two lists, however many there are."""
    kept, timed = await kept_and_timed(api, names, (SCHEDULE_NEXT, SCHEDULE_CHANGED))
    still = [name for name in sorted(kept - timed)[:MOST] if await _rests(records, name)]
    if not still:
        number = len(kept & timed)
        return Finding("schedules", ok=True, found=f"{number:,} have a time to come")
    others = f" and {len(still) - 1} others" if len(still) > 1 else ""
    return Finding(
        "schedules",
        ok=False,
        found=f"nothing gives schedule {still[0]}{others} a next turn: the timer is lost",
        advice="start a coordinator anew: it sets timers that are lost",
    )


async def _rests(records: Records, name: str) -> bool:
    """Whether it waits for a time, and not for a run, an operator, or nothing."""
    key = schedule_key(name)
    found = await records.read(key)
    if found is None:
        return False
    record = decode_schedule(key, found[0])
    is_new = bool(record.asked or record.outbox)  # its timer may be set at this moment
    return not (record.paused or record.ended or record.running or is_new)
