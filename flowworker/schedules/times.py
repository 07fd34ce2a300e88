"""The times of a schedule, in order, from any moment on."""

from __future__ import annotations

__all__ = ["backfill_of", "next_times", "times_of"]

import math
from itertools import count, islice
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.occurrence import MAX_BACKFILL
from flowworker.core.schedule import due_at
from flowworker.errors import InvalidInput
from flowworker.schedules.cron import cron_times
from flowworker.schedules.zones import zone_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.core.schedule import Schedule


def times_of(schedule: Schedule, after: float) -> Iterator[float]:
    """All times of a schedule after a moment, the earliest first, in epoch seconds.

    The schedule is one that was checked. There may be no end to them.
    """
    # At `start_at` there may be one.
    after = max(after, schedule.start_at - 0.001)
    for time in _all(schedule, after):
        if 0 < schedule.end_at < time:
            return
        yield time


def next_times(schedule: Schedule, after: float, number: int) -> list[float]:
    """When the next runs of it begin, jitter included."""
    return [due_at(schedule, time) for time in islice(times_of(schedule, after), number)]


def backfill_of(schedule: Schedule, begin: float, end: float) -> list[float]:
    """The times between two moments, both included, whatever `start_at` and `end_at` say.

    Raises:
        InvalidInput: there is none, or there are more than `MAX_BACKFILL`.
    """
    unbounded = replace(schedule, end_at=0.0)
    if schedule.cron:
        unbounded = replace(unbounded, start_at=0.0)
    found = []
    for time in _all(unbounded, begin - 0.001):
        if time > end:
            break
        found.append(time)
        if len(found) > MAX_BACKFILL:
            raise InvalidInput(
                f"there are more than {MAX_BACKFILL:,} times of schedule {schedule.id!r} between "
                f"these moments; {MAX_BACKFILL:,} may be asked for at a time"
            )
    if not found:
        raise InvalidInput(f"schedule {schedule.id!r} has no time between these moments")
    return found


def _all(schedule: Schedule, after: float) -> Iterator[float]:
    if schedule.cron:
        return cron_times(schedule.cron, zone_of(schedule.timezone), after)
    begin, every = schedule.start_at, schedule.every
    first = math.floor((after - begin) / every) + 1
    return (begin + number * every for number in count(first))
