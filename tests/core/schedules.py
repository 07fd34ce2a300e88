"""A schedule whose times are a minute apart, and its turns."""

from __future__ import annotations

from itertools import count

from flowworker.core.occurrence import Occurrence, ScheduleRecord
from flowworker.core.schedule import Schedule, run_of_trigger
from flowworker.core.scheduling import follow, settled
from flowworker.core.status import RunStatus

BEGIN = 1_000_000_000.0
STEP = 60.0


def record(**said) -> ScheduleRecord:
    schedule = Schedule("s", every=STEP, **said)
    return ScheduleRecord(schedule, "w", BEGIN, BEGIN, f"1@{BEGIN}", BEGIN)


def times(after):
    first = int((after - BEGIN) // STEP) + 1
    return (BEGIN + STEP * number for number in count(first))


def turn(given, minutes, ended=None, *, now=None):
    """What follows so many minutes after the begin; what is to be started is taken to be."""
    at = BEGIN + STEP * minutes
    found = follow(given, at, at if now is None else now, times, ended or {})
    return settled(found.record, {}, at), found.wake


def minutes(occurrences):
    return [(one.time - BEGIN) / STEP for one in occurrences]


def recent(given):
    return [((one.time - BEGIN) / STEP, one.state.value) for one in given.recent]


def completed(given, status=RunStatus.COMPLETED):
    return {one.run: status for one in given.running}


def wanted(minute=0.5, **more):
    time = BEGIN + STEP * minute
    return Occurrence(time, run_of_trigger("s", time), time, asked=True, **more)
