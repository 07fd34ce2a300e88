"""What a run's history adds to its records, for people who look at its steps."""

from __future__ import annotations

__all__ = ["StepHistory"]

from contextlib import suppress
from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import decode_event
from flowworker.codec.json import UNREADABLE
from flowworker.codec.senders import refusal
from flowworker.core.attempt import Attempt
from flowworker.core.event_types import EventType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.core.graph import Plan
    from flowworker.ports import StoredEvent


class StepHistory:
    """What the run's events say of its steps, as long as they are kept; others are ignored.

    So are those of workers that can know nothing of the step.

    Attributes:
        missing: by step, the latest attempt that waited for a handler, and for which.
        started, completed: when a step's latest turn began and succeeded, epoch seconds.
    """

    def __init__(
        self, run: str, plan: Plan | None = None, history: Iterable[StoredEvent] = ()
    ) -> None:
        """Read events of any type, oldest first. Without a plan no worker is believed."""
        self.missing: dict[str, tuple[Attempt, str]] = {}
        self.started: dict[str, float] = {}
        self.completed: dict[str, float] = {}
        for stored in history:
            with suppress(*UNREADABLE):
                event = decode_event(stored.data)
                step = event.data.step
                if event.type == stored.type and not refusal(
                    run, stored.sender, event.type, event.id, step, plan
                ):
                    self._note(event)

    def _note(self, event: CloudEvent) -> None:
        data = event.data
        match event.type:
            case EventType.STEP_WAITING_HANDLER if data.kind is not None:
                attempt = Attempt(data.kind, data.turn, data.number, data.iteration)
                self.missing[data.step] = (attempt, data.handler)
            case EventType.STEP_STARTED:
                self.started[data.step] = data.at
            case EventType.STEP_COMPLETED:
                self.completed[data.step] = data.at
            case _:
                pass
