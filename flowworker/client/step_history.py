"""What a run's history adds to its records, for people who look at its steps."""

from __future__ import annotations

__all__ = ["StepHistory"]

from contextlib import suppress
from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import decode_event
from flowworker.codec.json import UNREADABLE
from flowworker.core.attempt import Attempt
from flowworker.core.event_types import EventType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.codec.cloudevents import CloudEvent


class StepHistory:
    """What the run's events say of its steps, as long as they are kept; others are ignored.

    Attributes:
        missing: by step, the latest attempt that waited for a handler, and for which.
        started, completed: when a step's latest turn began and succeeded, epoch seconds.
    """

    def __init__(self, history: Iterable[bytes] = ()) -> None:
        """Read events of any type, oldest first."""
        self.missing: dict[str, tuple[Attempt, str]] = {}
        self.started: dict[str, float] = {}
        self.completed: dict[str, float] = {}
        for raw in history:
            with suppress(*UNREADABLE):
                self._note(decode_event(raw))

    def _note(self, event: CloudEvent) -> None:
        data = event.data
        match event.type:
            case EventType.STEP_WAITING_HANDLER if data.kind is not None:
                attempt = Attempt(data.kind, data.turn, data.number)
                self.missing[data.step_id] = (attempt, data.handler)
            case EventType.STEP_STARTED:
                self.started[data.step_id] = data.at
            case EventType.STEP_COMPLETED:
                self.completed[data.step_id] = data.at
            case _:
                pass
