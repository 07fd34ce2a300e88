"""What a schedule has to tell: kept in its record until it is published.

It is written with what it tells of, in one write, and taken out by a later one: so nothing of it is
lost, whatever dies, and nothing is published that has not happened.
"""

from __future__ import annotations

__all__ = ["ScheduleEventType", "Unpublished"]

from enum import StrEnum

from msgspec import Struct

from flowworker.core.records import Moment


class ScheduleEventType(StrEnum):
    """The types of events of schedules, as they are on the wire."""

    CREATED = "workflow.schedule.created"
    CHANGED = "workflow.schedule.changed"
    PAUSED = "workflow.schedule.paused"
    UNPAUSED = "workflow.schedule.unpaused"
    ENDED = "workflow.schedule.ended"
    DELETED = "workflow.schedule.deleted"
    SKIPPED = "workflow.schedule.skipped"
    MISSED = "workflow.schedule.missed"
    REJECTED = "workflow.schedule.rejected"


class Unpublished(Struct, frozen=True, omit_defaults=True):
    """One event that is to be published.

    Attributes:
        at: when it happened; epoch seconds.
        detail: what makes the event's id unique.
        time: which of its times it is about; 0 if it is about the schedule.
        run: the id of the run that the time would have begun; of one paused by a failure, that of
            the run that failed.
        reason: why.
    """

    type: ScheduleEventType
    at: Moment
    detail: str
    time: Moment = 0.0
    run: str = ""
    reason: str = ""
