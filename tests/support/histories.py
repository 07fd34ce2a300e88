"""What stands in a run's history, without the senders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowworker.core.ids import COORDINATOR
from flowworker.ports import StoredEvent

if TYPE_CHECKING:
    from flowworker.ports import EventLog


async def bodies(events: EventLog, run: str) -> list[bytes]:
    """All events of a run as they were published."""
    return [event.data for event in await events.history(run)]


def stored(event_type: str, data: bytes, sender: str = COORDINATOR) -> StoredEvent:
    """An event as it stands in a history."""
    return StoredEvent(sender, event_type, data)
