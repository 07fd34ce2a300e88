"""What a run's history adds to its records, for people who look at its steps."""

from __future__ import annotations

__all__ = ["AttemptView", "StepHistory", "is_alone"]

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import decode_event
from flowworker.codec.json import UNREADABLE
from flowworker.codec.senders import refusal
from flowworker.core.attempt import Attempt
from flowworker.core.event_types import EventType
from flowworker.core.status import Kind, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.records import StepRecord
    from flowworker.ports import StoredEvent

_OUTCOMES = {
    EventType.STEP_COMPLETED: Outcome.COMPLETED,
    EventType.STEP_COMPENSATED: Outcome.COMPLETED,
    EventType.STEP_ATTEMPT_FAILED: Outcome.FAILED,
    EventType.STEP_ITERATED: Outcome.ITERATED,
    EventType.STEP_CANCELLED: Outcome.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class AttemptView:
    """An attempt that has ended.

    Attributes:
        kind: what it executed: the step itself, its fallback or its compensation.
        turn: from 1, and one more for each `retry` that a human ordered.
        attempt: from 1, within kind, turn and iteration.
        iteration: from 1, of a step that is repeated; else 0.
        finished_at: when it ended, epoch seconds.
        error: one line.
        started_at: when it was claimed, epoch seconds; 0 if it was not, or if that was not
            said when it ended.
    """

    kind: Kind
    turn: int
    attempt: int
    iteration: int
    outcome: Outcome
    finished_at: float
    worker: str = ""
    error: str = ""
    started_at: float = 0.0


class StepHistory:
    """What the run's events say of its steps, as long as they are kept; others are ignored.

    So are those of workers that can know nothing of the step.

    Attributes:
        missing: by step, the latest attempt that waited for a handler, and for which.
        started, completed: when a step's latest turn began and succeeded, epoch seconds.
        attempts: by step, those that have ended, oldest first.
        outputs: what iterations have put out, by step and number, of the latest turn.
    """

    def __init__(
        self, run: str, plan: Plan | None = None, history: Iterable[StoredEvent] = ()
    ) -> None:
        """Read events of any type, oldest first. Without a plan no worker is believed."""
        self.missing: dict[str, tuple[Attempt, str]] = {}
        self.started: dict[str, float] = {}
        self.completed: dict[str, float] = {}
        self.attempts: dict[str, list[AttemptView]] = {}
        self.outputs: dict[tuple[str, int], Payload] = {}
        self._ends: set[str] = set()
        for stored in history:
            with suppress(*UNREADABLE):
                event = decode_event(stored.data)
                step = event.data.step
                if event.type == stored.type and not refusal(
                    run, stored.sender, event.type, event.id, step, plan
                ):
                    self._note(event)

    @classmethod
    def of(cls, record: StepRecord) -> StepHistory:
        """The same of a step whose first attempt `is_alone`, by its record."""
        found = cls(record.run)
        if record.number and record.outcome is not Outcome.RUNNING:
            ended = AttemptView(
                kind=record.kind,
                turn=record.turn,
                attempt=record.number,
                iteration=record.iteration,
                outcome=record.outcome,
                finished_at=record.finished_at,
                worker=record.worker,
                error="" if record.error is None else str(record.error),
                started_at=record.started_at,
            )
            found.attempts[record.step] = [ended]
        return found

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
        if (outcome := _OUTCOMES.get(event.type)) is not None:
            self._note_end(event, outcome)

    def _note_end(self, event: CloudEvent, outcome: Outcome) -> None:
        data = event.data
        ended = AttemptView(
            kind=data.kind or Kind.RUN,
            turn=data.turn,
            attempt=data.number,
            iteration=data.iteration,
            outcome=outcome,
            finished_at=data.at,
            worker=data.worker,
            error=f"{data.error_type}: {data.error}" if data.error_type else data.error,
            started_at=data.started_at,
        )
        if event.id not in self._ends:  # else published again
            self._ends.add(event.id)
            self.attempts.setdefault(data.step, []).append(ended)
        if data.iteration and data.output is not None:
            self.outputs[data.step, data.iteration] = data.output


def is_alone(record: StepRecord) -> bool:
    """Whether a record says all that its step's history could: no attempt came before."""
    is_first = (record.kind, record.turn, record.iteration) == (Kind.RUN, 1, 0)
    return is_first and record.number <= 1 and record.outcome in _SAID


_SAID = {Outcome.RUNNING, Outcome.COMPLETED, Outcome.FAILED, Outcome.CANCELLED}
