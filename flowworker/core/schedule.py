"""What a schedule says, and which run each of its times begins.

The id of that follows from the schedule and the time: it is the same for all who start the run.
"""

from __future__ import annotations

__all__ = [
    "SCHEDULE_ID",
    "OfSchedule",
    "Overlap",
    "Schedule",
    "due_at",
    "run_of_time",
    "run_of_trigger",
]

import re
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from msgspec import Struct

from flowworker.core.status import Priority

SCHEDULE_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""With a time behind it, it is a run id."""

_DAY = 86_400.0


class Overlap(StrEnum):
    """What becomes of a time at which a run of the schedule has not ended."""

    SKIP = "skip"
    BUFFER_ONE = "buffer_one"
    BUFFER_ALL = "buffer_all"
    CANCEL_OTHER = "cancel_other"
    TERMINATE_OTHER = "terminate_other"
    ALLOW_ALL = "allow_all"


class Schedule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """When runs of a workflow begin by themselves.

    Attributes:
        id: unique in the namespace; what the ids of its runs begin with.
        cron: an expression of five or six fields, in the time zone.
        every: instead: seconds between two times, counted from `start_at`, or else from 1970.
        timezone: of the IANA database.
        start_at: no time before; epoch seconds, 0 for none.
        end_at: no time after; 0 for none.
        jitter: seconds by which a time's run may begin later; how much follows from the time.
        overlap: what becomes of a time at which a run of it has not ended.
        catchup_window: seconds by which a run may begin late; what is later is missed.
        pause_on_failure: a run that fails pauses it.
        max_runs: of its times, at most so many begin runs; 0 for any number.
        priority: lane of the runs; None for that of their workflow.
        input: of the runs, a JSON object whose texts may have `${…}` over `schedule`, the id and
            the time; None for `{}`.
        labels: of the runs, beside those of their workflow; texts that may have the same.
    """

    id: str
    cron: str = ""
    every: float = 0.0
    timezone: str = "UTC"
    start_at: float = 0.0
    end_at: float = 0.0
    jitter: float = 0.0
    overlap: Overlap = Overlap.SKIP
    catchup_window: float = _DAY
    pause_on_failure: bool = False
    max_runs: int = 0
    priority: Priority | None = None
    input: dict[str, Any] | None = None
    labels: dict[str, str] | None = None


class OfSchedule(Struct, frozen=True):
    """What a run is of a schedule: which one's, and at which time, in epoch seconds."""

    id: str
    time: float


def run_of_time(schedule: str, time: float) -> str:
    """The run that a time begins: `nightly-20300131T020000Z`.

    No two schedules have one in common: what stands behind the last hyphen is the time, so what
    stands before it is the schedule.
    """
    return f"{schedule}-{datetime.fromtimestamp(time, UTC):%Y%m%dT%H%M%SZ}"


def run_of_trigger(schedule: str, time: float) -> str:
    """The run that an operator has asked for at that time: to the microsecond, as no other is."""
    return f"{schedule}-{datetime.fromtimestamp(time, UTC):%Y%m%dT%H%M%S%fZ}"


def due_at(schedule: Schedule, time: float) -> float:
    """When the run of a time begins: with its jitter, which is the same for everybody."""
    if not schedule.jitter:
        return time
    digest = sha256(f"{schedule.id}/{time!r}".encode()).digest()
    return time + schedule.jitter * (int.from_bytes(digest[:4]) / (1 << 32))
