"""An attempt failed: what `policy.follow_up` says is done."""

from __future__ import annotations

__all__ = ["attempt_failed"]

from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from flowworker.core.commands import Emit, EventType
from flowworker.core.forward import OPEN
from flowworker.core.human import follow
from flowworker.core.ids import attempt_key
from flowworker.core.policy import Escalate, Fail, FallBack, FollowUp, Retry, follow_up
from flowworker.core.records import rank
from flowworker.core.status import Kind, RunStatus, StepStatus
from flowworker.core.stopping import compensation_failed, fail_step

if TYPE_CHECKING:
    from flowworker.core.events import AttemptFailed
    from flowworker.core.turn import Turn


def attempt_failed(turn: Turn, event: AttemptFailed) -> None:
    """Retry, fall back, ask a human, or fail."""
    if not _is_current(turn, event):
        return
    turn.state = turn.state.with_step(
        event.step,
        kind=event.kind,
        turn=event.turn,
        attempt=event.attempt,
        revision=event.revision,
        error=event.error,
    )
    what = _next_after(turn, event)
    match what:
        case Retry():
            _tell(turn, event, EventType.STEP_RETRYING, what.attempt, delay=what.delay)
            turn.dispatch(event.step, event.kind, event.turn, what.attempt, event.at + what.delay)
        case FallBack():
            _tell(turn, event, EventType.STEP_FALLBACK, event.attempt, fallback_to=what.uses)
            turn.dispatch(event.step, Kind.FALLBACK, event.turn, 1)
        case Escalate():
            _escalate(turn, event)
        case Fail() if event.kind is Kind.COMPENSATE:
            compensation_failed(turn, event)
        case Fail():
            fail_step(turn, event.step, event.error)
        case _:
            assert_never(what)


def _next_after(turn: Turn, event: AttemptFailed) -> FollowUp:
    seed = attempt_key(turn.state.record.run, event.step, event.kind, event.turn, event.attempt + 1)
    step = turn.plan.steps[event.step]
    return follow_up(step, event.kind, event.attempt, event.error, seed)


def _is_current(turn: Turn, event: AttemptFailed) -> bool:
    """Whether the step is at the failed attempt and not past it."""
    at = turn.state.steps.get(event.step)
    if at is None:
        return False
    possible = {StepStatus.COMPENSATING} if event.kind is Kind.COMPENSATE else OPEN
    return at.status in possible and rank(at.kind, at.turn, at.attempt) <= rank(
        event.kind, event.turn, event.attempt
    )


def _escalate(turn: Turn, event: AttemptFailed) -> None:
    for decision in turn.state.record.decisions.get(event.step, ()):
        if decision.turn == event.turn:  # answered already: the run is being rebuilt
            follow(turn, event.step, decision)
            return
    if turn.stopping:
        turn.settle(event.step, StepStatus.CANCELLED)
        return
    turn.settle(event.step, StepStatus.WAITING_HUMAN)
    turn.emits.append(
        Emit(
            EventType.WAITING_HUMAN,
            f"{event.step}/{event.turn}",
            step_id=event.step,
            reason=str(event.error),
        )
    )
    turn.state = replace(
        turn.state.with_record(status=RunStatus.WAITING_HUMAN),
        waiting=turn.state.waiting | {event.step},
    )


def _tell(
    turn: Turn,
    event: AttemptFailed,
    event_type: EventType,
    attempt: int,
    *,
    delay: float = 0.0,
    fallback_to: str = "",
) -> None:
    if turn.forbids(event.kind):  # it will not happen
        return
    turn.emits.append(
        Emit(
            event_type,
            f"{event.step}/{event.kind}/{event.turn}.{attempt}",
            step_id=event.step,
            attempt=attempt,
            error=str(event.error),
            delay=delay,
            fallback_to=fallback_to,
        )
    )
