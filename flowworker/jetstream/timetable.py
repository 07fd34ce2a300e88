"""Which schedules there are, which have a time to come, and in which state the others are."""

from __future__ import annotations

__all__ = ["kept_and_timed", "states_of_schedules"]

from collections import Counter
from typing import TYPE_CHECKING

from flowworker.codec.json import decode_schedule
from flowworker.codec.keys import SCHEDULE_NEXT, schedule_key
from flowworker.jetstream.client.subjects import subjects_of

if TYPE_CHECKING:
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.names import Names
    from flowworker.ports import Records

_TOGETHER = 200
"""Records in one request."""


async def states_of_schedules(api: Api, names: Names, records: Records) -> dict[str, int]:
    """How many are in which state, as people see it: one whose time is to come is active."""
    kept, timed = await kept_and_timed(api, names, (SCHEDULE_NEXT,))
    counted = Counter({"ACTIVE": len(kept & timed), "PAUSED": 0, "ENDED": 0})
    left = [schedule_key(name) for name in sorted(kept - timed)]
    for first in range(0, len(left), _TOGETHER):
        some = left[first : first + _TOGETHER]
        found = await records.few(some, len(some)) or {}
        for key, (value, _) in found.items():
            record = decode_schedule(key, value)
            over = "ENDED" if record.ended else "ACTIVE"
            counted["PAUSED" if record.paused else over] += 1
    return dict(counted)


async def kept_and_timed(
    api: Api, names: Names, timers: tuple[str, ...]
) -> tuple[set[str], set[str]]:
    """All schedules, and those for which one of these timers is set."""
    pattern = names.first.runs.filter(schedule_key("*"))
    found = await subjects_of(api, names.first.runs.stream, pattern)
    kept = {subject.removeprefix(pattern[:-1]) for subject in found}
    timed: set[str] = set()
    for timer in timers if kept else ():  # which costs the more the more runs are retained
        for shard in names.shards:
            for before, after in shard.timer_frames(timer):
                subjects = await subjects_of(api, shard.steps, f"{before}*{after}")
                timed |= {one.removeprefix(before).removesuffix(after) for one in subjects}
    return kept, timed
