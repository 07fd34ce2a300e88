"""An attempt failed: what `policy.follow_up` says is done."""

from __future__ import annotations

__all__ = ["attempt_failed"]

from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from flowworker.core.effects import Emit
from flowworker.core.event_types import EventType
from flowworker.core.forward import OPEN
from flowworker.core.human import follow
from flowworker.core.ids import attempt_key
from flowworker.core.loops import dropped
from flowworker.core.policy import Escalate, Fail, FallBack, FollowUp, Retry, follow_up
from flowworker.core.status import Kind, RunStatus, StepStatus
from flowworker.core.stopping import compensation_failed, fail_step

if TYPE_CHECKING:
    from flowworker.core.attempt import Attempt
    from flowworker.core.draft import Draft
    from flowworker.core.facts import AttemptFailed


def attempt_failed(draft: Draft, fact: AttemptFailed) -> None:
    """Retry, fall back, ask a human, or fail."""
    if not _is_current(draft, fact):
        return
    at = draft.state.steps[fact.step]
    draft.state = draft.state.with_step(
        fact.step,
        attempt=fact.attempt,
        revision=fact.revision,
        error=fact.error,
        output=at.output if fact.attempt.kind is Kind.COMPENSATE else None,
    )
    what = _next_after(draft, fact)
    match what:
        case Retry():
            _emit(draft, fact, EventType.STEP_RETRYING, fact.attempt.next, delay=what.delay)
            due = fact.at + what.delay
            draft.dispatch(fact.step, fact.attempt.next, due, fact.since, what.spent)
        case FallBack():
            _emit(draft, fact, EventType.STEP_FALLBACK, fact.attempt, fallback_to=what.uses)
            draft.dispatch(fact.step, replace(fact.attempt, kind=Kind.FALLBACK, number=1))
        case Escalate():
            _escalate(draft, fact)
        case Fail() if fact.attempt.kind is Kind.COMPENSATE:
            compensation_failed(draft, fact)
        case Fail():
            fail_step(draft, fact.step, fact.error)
        case _:
            assert_never(what)


def _next_after(draft: Draft, fact: AttemptFailed) -> FollowUp:
    seed = attempt_key(draft.state.record.run, fact.step, fact.attempt.next)
    step = draft.plan.step(fact.step)
    return follow_up(step, fact, seed)


def _is_current(draft: Draft, fact: AttemptFailed) -> bool:
    """Whether the step is at the failed attempt and not past it."""
    at = draft.state.steps.get(fact.step)
    if at is None:
        return False
    possible = {StepStatus.COMPENSATING} if fact.attempt.kind is Kind.COMPENSATE else OPEN
    return at.status in possible and at.attempt <= fact.attempt


def _escalate(draft: Draft, fact: AttemptFailed) -> None:
    for decision in draft.state.record.decisions.get(fact.step, ()):
        if decision.turn == fact.attempt.turn:  # answered already: the run is being rebuilt
            follow(draft, fact.step, decision)
            return
    if draft.stopping or draft.stops(fact.step):
        draft.settle(fact.step, StepStatus.CANCELLED)
        dropped(draft, fact.step)
        return
    draft.settle(fact.step, StepStatus.WAITING_HUMAN)
    draft.emits.append(
        Emit(
            EventType.WAITING_HUMAN,
            f"{fact.step}/{fact.attempt.turn}",
            step_id=fact.step,
            reason=str(fact.error),
        )
    )
    draft.state = replace(
        draft.state.with_record(status=RunStatus.WAITING_HUMAN),
        waiting=draft.state.waiting | {fact.step},
    )


def _emit(
    draft: Draft,
    fact: AttemptFailed,
    event_type: EventType,
    attempt: Attempt,
    *,
    delay: float = 0.0,
    fallback_to: str = "",
) -> None:
    if draft.forbids(fact.attempt.kind, fact.step):  # it will not happen
        return
    draft.emits.append(
        Emit(
            event_type,
            f"{fact.step}/{attempt}",
            step_id=fact.step,
            number=attempt.number,
            error=str(fact.error),
            delay=delay,
            fallback_to=fallback_to,
        )
    )
