"""Events of schedules on the wire: CloudEvents 1.0 in JSON, as those of runs."""

from __future__ import annotations

__all__ = [
    "ScheduleEvent",
    "ScheduleEventData",
    "decode_schedule_event",
    "history_of",
    "schedule_event",
]

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from flowworker.codec.cloudevents import timestamp
from flowworker.core.event_types import EVENT_VERSION
from flowworker.core.ids import OF_SCHEDULE, event_id
from flowworker.core.records import Moment
from flowworker.core.schedule_events import ScheduleEventType

if TYPE_CHECKING:
    from flowworker.core.occurrence import ScheduleRecord
    from flowworker.core.schedule_events import Unpublished


class ScheduleEventData(Struct, frozen=True, omit_defaults=True):
    """The payload of an event of a schedule.

    Attributes:
        id: the schedule; `name` is its workflow.
        at: when it happened, epoch seconds.
        time: which of its times it is about, epoch seconds.
        run: the id of the run that the time would have begun, or of the run that failed.
        reason: why it began none, or why the schedule is paused.
        v: version of this form; only newer ones are written out.
    """

    id: str
    name: str
    at: Moment
    time: Moment = 0.0
    run: str = ""
    reason: str = ""
    v: int = EVENT_VERSION


class ScheduleEvent(Struct, frozen=True):
    """The envelope. `id` is deterministic: what happens once has one id."""

    id: str
    source: str
    type: ScheduleEventType
    time: str
    data: ScheduleEventData
    specversion: str = "1.0"
    datacontenttype: str = "application/json"


decode_schedule_event = msgspec.json.Decoder(ScheduleEvent).decode


def history_of(schedule: str) -> str:
    """Where events of a schedule stand, in the place of a run's id: no run has such a one."""
    return f"{OF_SCHEDULE}{schedule}"


def schedule_event(namespace: str, record: ScheduleRecord, entry: Unpublished) -> ScheduleEvent:
    """The event that a schedule has to tell."""
    data = ScheduleEventData(
        record.id, record.workflow, entry.at, run=entry.run, reason=entry.reason
    )
    if entry.time:  # a default that comes from elsewhere would be written out
        data = replace(data, time=entry.time)
    return ScheduleEvent(
        id=event_id(record.id, entry.type, entry.detail),
        source=f"/{namespace}/{record.workflow}/{history_of(record.id)}",
        type=entry.type,
        time=timestamp(entry.at),
        data=data,
    )
