"""Publishes what schedules have to tell. It may be repeated: an event has one id."""

from __future__ import annotations

__all__ = ["publish_outbox"]

from typing import TYPE_CHECKING

from flowworker.codec.json import encode
from flowworker.codec.schedule_events import history_of, schedule_event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.core.occurrence import ScheduleRecord
    from flowworker.core.schedule_events import Unpublished
    from flowworker.ports import Backend


async def publish_outbox(
    backend: Backend, record: ScheduleRecord, entries: Iterable[Unpublished]
) -> None:
    """Publish all of that, in its order, in the history of the schedule."""
    for one in entries:
        event = schedule_event(backend.namespace, record, one)
        await backend.events.publish(history_of(record.id), event.type, encode(event), event.id)
