"""The event of an attempt that no worker could run (a part of `cloudevents`)."""

from __future__ import annotations

__all__ = ["waiting_event"]

from typing import TYPE_CHECKING

from msgspec.structs import asdict

from flowworker.codec.cloudevents import EventData, about, cloud_event
from flowworker.core.event_types import EventType

if TYPE_CHECKING:
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.codec.messages import StepMessage


def waiting_event(namespace: str, message: StepMessage, worker: str, now: float) -> CloudEvent:
    """The event for an attempt that a worker could not run, since it lacks the handler."""
    data = EventData(
        id=message.run,
        name=message.workflow,
        version=message.version,
        **about(message.step),
        **asdict(message.attempt),
        handler=message.uses,
        worker=worker,
        revision=message.revision,
        at=now,
    )
    detail = f"{message.step}/{message.attempt}"
    return cloud_event(namespace, EventType.STEP_WAITING_HANDLER, data, now, detail)
