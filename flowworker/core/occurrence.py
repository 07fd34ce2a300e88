"""The record of a schedule: the truth about which of its times are done.

Each time that is not is in one list: asked for, waiting, or running.
"""

from __future__ import annotations

__all__ = [
    "MAX_BACKFILL",
    "MAX_FOLLOWED",
    "MAX_RECENT",
    "MAX_WAITING",
    "Occurrence",
    "OccurrenceState",
    "ScheduleRecord",
]

from enum import StrEnum

from msgspec import Struct

from flowworker.core.payload import Inline
from flowworker.core.records import RECORD_VERSION, Count, Moment
from flowworker.core.schedule import Overlap, Schedule
from flowworker.core.schedule_events import Unpublished

MAX_WAITING = 1_000
"""Times of a schedule that wait for runs to end, at most."""

MAX_BACKFILL = 1_000
"""Times that one backfill names, at most."""

MAX_FOLLOWED = 100
"""Runs that are followed to their end, at most, where any number may run at a time."""

MAX_RECENT = 10
"""Times that are over, and shown."""


class OccurrenceState(StrEnum):
    """What became of a time."""

    WAITING = "WAITING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"
    MISSED = "MISSED"
    REJECTED = "REJECTED"


class Occurrence(Struct, frozen=True, omit_defaults=True):
    """One time of a schedule, and what became of it.

    Attributes:
        time: which; epoch seconds.
        run: the id of the run that it begins.
        due: the same with its jitter.
        state: of one that is over, `RUNNING` is a run that is not followed any more.
        began: when the run was started; 0 before.
        asked: an operator has asked for it.
        overlap: instead of what the schedule says.
        stop: the run is asked to stop, since another time has come.
        reason: why it began no run.
    """

    time: Moment
    run: str
    due: Moment
    state: OccurrenceState = OccurrenceState.WAITING
    began: Moment = 0.0
    asked: bool = False
    overlap: Overlap | None = None
    stop: bool = False
    reason: str = ""


class ScheduleRecord(Struct, frozen=True, omit_defaults=True):
    """The truth about a schedule. Times are seconds since the Unix epoch.

    Attributes:
        schedule: what it says.
        workflow: whose runs it begins.
        defined: it is part of the workflow's definition.
        sealed: the input of its runs, if that came as a sealed payload.
        passed: all times up to this one are done.
        last: identity of the latest command that was followed.
        said_at, paused_at: when the latest commands were sent that said what it is, and whether it
            is paused: one that was sent before is out of date.
        paused: why no time begins a run; empty if they do.
        started: times that have begun a run; those that somebody asked for do not count.
        skipped, missed: times that have begun none: a run had not ended, or it was too late.
        asked: times that an operator has asked for, not looked at yet.
        waiting: times that wait for a run to end, in the order in which they begin runs.
        running: times whose runs are about to begin, or have not ended.
        recent: the last ones that are over.
        ended: no time is left.
        outbox: what is to be published of it.
    """

    schedule: Schedule
    workflow: str
    created_at: Moment
    passed: Moment
    last: str
    said_at: Moment
    v: int = RECORD_VERSION
    defined: bool = False
    sealed: Inline | None = None
    paused: str = ""
    paused_at: Moment = 0.0
    started: Count = 0
    skipped: Count = 0
    missed: Count = 0
    asked: tuple[Occurrence, ...] = ()
    waiting: tuple[Occurrence, ...] = ()
    running: tuple[Occurrence, ...] = ()
    recent: tuple[Occurrence, ...] = ()
    ended: bool = False
    outbox: tuple[Unpublished, ...] = ()

    @property
    def id(self) -> str:
        """The schedule's."""
        return self.schedule.id
