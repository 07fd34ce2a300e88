"""Attempts that nobody makes yet: between a decision, its message and a claim."""

from __future__ import annotations

__all__ = ["is_queued", "is_ready", "unclaimed", "unclaimed_steps"]

from typing import TYPE_CHECKING

from flowworker.core.forward import verdict_on
from flowworker.core.rules import Verdict
from flowworker.core.status import Kind, Outcome, StepStatus
from flowworker.diagnosis.limits import awaited
from flowworker.diagnosis.others import coordinator, pauses, worker_of_queue
from flowworker.diagnosis.reasons import Reason, ReasonKind
from flowworker.diagnosis.sentences import within

if TYPE_CHECKING:
    from flowworker.diagnosis.evidence import Evidence

_ATTEMPTED = {
    StepStatus.RUNNING,
    StepStatus.RETRYING,
    StepStatus.REPEATING,
    StepStatus.FALLBACK,
    StepStatus.COMPENSATING,
}


def kind_of(seen: Evidence, step: str) -> Kind:
    """What its next attempt executes; the compensation of what was completed is one, too."""
    at = seen.at(step)
    return Kind.COMPENSATE if at.status is StepStatus.COMPLETED else at.attempt.kind


def is_queued(seen: Evidence, step: str) -> bool:
    """Whether a worker makes the next attempt, so that it has a message: else a coordinator."""
    defined = seen.defined(step)
    if defined.for_each is not None:
        return False
    return kind_of(seen, step) is not Kind.RUN or bool(defined.uses)


def unclaimed_steps(seen: Evidence) -> list[str]:
    """Steps of which it matters where their messages are."""
    record = seen.record
    if seen.known is None or record.is_early or record.is_paused:
        return []
    return [
        step
        for step in seen.state.steps
        if step not in seen.unread and _is_unclaimed(seen, step) and is_queued(seen, step)
    ]


def _is_unclaimed(seen: Evidence, step: str) -> bool:
    at, saga = seen.at(step), seen.state.saga
    if at.status is StepStatus.COMPLETED:
        return saga is not None and saga[:1] == (step,)
    if at.status is StepStatus.PENDING:
        return step in seen.state.inflight or is_ready(seen, step)
    if at.status not in _ATTEMPTED:
        return False
    claim = seen.claim(step)
    return claim is None or (bool(claim.worker) and claim.lease_until <= seen.now)


def is_ready(seen: Evidence, step: str) -> bool:
    """Whether it may run, by what its dependencies came to."""
    return verdict_on(seen.plan, seen.state, step) is Verdict.RUN


def unclaimed(seen: Evidence, step: str) -> tuple[Reason, ...]:
    """Why nobody makes the next attempt of a step that may have one."""
    at, kind = seen.at(step), kind_of(seen, step)
    if seen.forbids(step, kind):
        return (_called_off(seen, step),)
    lost = tuple(_lost(seen, step))
    if seen.record.is_paused:
        return (*lost, *pauses(seen, "its run "))
    if not is_queued(seen, step):
        return (*lost, coordinator(seen, _own_work(seen, step), _since(seen, step)))
    place = seen.places.get(step)
    if at.due > seen.now and at.status is not StepStatus.REPEATING:
        text = f"attempt {at.attempt.number} begins{within(at.due, seen.now)}"
        return (Reason(ReasonKind.RETRY, text, until=at.due),)
    if place is not None and place.scheduled:
        return (_scheduled(seen, step),)
    if step in seen.slots:
        return (*lost, awaited(seen.slots[step], seen.now))
    if step in seen.places and place is None:
        return (*lost, coordinator(seen, _dispatch(seen, step), _since(seen, step)))
    return (*lost, worker_of_queue(seen, step, kind, place))


def _called_off(seen: Evidence, step: str) -> Reason:
    """It will not begin; that has to be written."""
    found = coordinator(seen, "call off an attempt that nobody has begun", _since(seen, step))
    return Reason(
        ReasonKind.STOPPING,
        f"it stops: {found.text}",
        found.subjects,
        found.since,
        remedy=found.remedy,
    )


def _lost(seen: Evidence, step: str) -> list[Reason]:
    """That the worker which had it is gone."""
    claim = seen.claim(step)
    if claim is None or not claim.worker:
        return []
    if not claim.lease_until:
        text = f"worker {claim.worker} ended in good order, and gave it back"
        return [Reason(ReasonKind.LOST_WORKER, text, (claim.worker,), claim.started_at)]
    text = f"worker {claim.worker} was lost with it; another one is to take it over"
    return [Reason(ReasonKind.LOST_WORKER, text, (claim.worker,), claim.lease_until)]


def _scheduled(seen: Evidence, step: str) -> Reason:
    """Its message waits for its time."""
    at, repeat = seen.at(step), seen.defined(step).repeat
    if at.status is not StepStatus.REPEATING or repeat is None:
        text = f"attempt {at.attempt.number} begins{within(at.due, seen.now)}"
        return Reason(ReasonKind.RETRY, text, until=at.due)
    until = at.due + repeat.interval if not isinstance(repeat.interval, str) else 0.0
    text = f"iteration {at.attempt.iteration + 1} begins{within(until, seen.now) or ' later'}"
    return Reason(ReasonKind.ITERATION, text, until=until)


def _dispatch(seen: Evidence, step: str) -> str:
    """What is to be done for a step that has no message."""
    status = seen.at(step).status
    if status is StepStatus.REPEATING:
        return "judge whether it runs again"
    if status is StepStatus.PENDING and seen.defined(step).when is not None:
        return "judge its condition, and to put it into its queue"
    return "put its next attempt into its queue"


def _own_work(seen: Evidence, step: str) -> str:
    """What a coordinator is to do for a step that no worker gets."""
    at, defined = seen.at(step), seen.defined(step)
    if at.status is StepStatus.REPEATING:
        return "judge whether it runs again"
    if at.status is StepStatus.PENDING and defined.when is not None:
        return "judge its condition, and to begin it"
    if defined.for_each is not None:
        return "find out its items"
    return "end the run with it" if defined.end is not None else "begin it"


def _since(seen: Evidence, step: str) -> float:
    """When the latest thing ended on which it depends, or its own latest attempt."""
    found = seen.steps.get(step)
    if found is not None and found[0].outcome is not Outcome.RUNNING:
        return found[0].finished_at
    before = (seen.steps.get(one) for one in seen.defined(step).depends_on)
    return max((one[0].finished_at for one in before if one is not None), default=0.0)
