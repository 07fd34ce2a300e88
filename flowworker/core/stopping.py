"""The way to an end before all is done: fence what is in flight, await it, compensate, end."""

from __future__ import annotations

__all__ = [
    "cancel_requested",
    "compensated",
    "compensation_failed",
    "compensations",
    "completed",
    "continue_saga",
    "error_type_of",
    "fail_lost",
    "fail_output",
    "fail_step",
    "open_saga",
    "step_cancelled",
    "timed_out",
]

import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.attempt import Attempt
from flowworker.core.effects import Emit
from flowworker.core.ending import end
from flowworker.core.event_types import EventType
from flowworker.core.forward import dispatch_ready, resolve, step_completed
from flowworker.core.ids import shown_id
from flowworker.core.loops import dropped, stop_instances
from flowworker.core.model import EndStatus
from flowworker.core.payload import EMPTY
from flowworker.core.records import MAX_NAMED, Stop, StopReason
from flowworker.core.rules import Resolution
from flowworker.core.status import TERMINAL, Kind, RunStatus, StepStatus

if TYPE_CHECKING:
    from flowworker.core.draft import Draft
    from flowworker.core.facts import (
        AttemptFailed,
        CancelRequested,
        Compensated,
        StepCancelled,
        StepCompleted,
    )
    from flowworker.core.graph import Plan
    from flowworker.core.records import ErrorInfo
    from flowworker.core.state import RunState

_OF_ERROR = re.compile(r"(?:step '[^']*' failed|output): ([^\s:]+)(?::|$)")
"""What a run's error says that stops because one was raised."""


def completed(draft: Draft, fact: StepCompleted) -> None:
    """A step was completed; one with `end` ends the run, unless it stops already.

    What that step put out is what the run results in, and no input of any step.
    """
    step = draft.plan.steps.get(fact.step)
    if step is None or step.end is None:
        step_completed(draft, fact)
        return
    step_completed(draft, replace(fact, output=EMPTY))
    record = draft.state.record
    if record.stop is None and record.ending is None and record.status not in TERMINAL:
        draft.state = draft.state.with_record(output=fact.output)
        failed = step.end.status is EndStatus.FAILED
        message = fact.reason or (f"ended by step {fact.step!r}" if failed else "")
        _stop(draft, Stop(StopReason.FAILED if failed else StopReason.ENDED, message, fact.step))


def cancel_requested(draft: Draft, fact: CancelRequested) -> None:
    """Stop because an operator asked for it."""
    if draft.state.record.ending is not None and not fact.terminate:
        return
    reason = StopReason.TERMINATED if fact.terminate else StopReason.CANCELLED
    _stop(draft, Stop(reason, fact.reason or f"{reason} by operator"))


def timed_out(draft: Draft) -> None:
    """Stop because the workflow's timeout ran out."""
    if draft.state.record.ending is not None:
        return
    limit = draft.plan.workflow.timeout or 0.0
    _stop(draft, Stop(StopReason.TIMED_OUT, f"workflow timed out after {limit:g} s"))


def fail_step(draft: Draft, step: str, error: ErrorInfo) -> None:
    """Nothing is left to try for a step: the run stops, unless it is to go on all the same."""
    if stop_instances(draft, step, error):
        return
    draft.settle(step, StepStatus.FAILED, error=error)
    detail = f"{step}/{draft.state.steps[step].attempt.turn}"
    draft.emits.append(Emit(EventType.STEP_FAILED, detail, step_id=step, error=str(error)))
    if draft.plan.step(step).continue_on_error or draft.plan.closes(step):
        resolve(draft, step, Resolution.FAILED)
    else:
        message = f"step {shown_id(step)!r} failed: {error}"
        _stop(draft, Stop(StopReason.FAILED, message, step))


def error_type_of(stop: Stop) -> str:
    """Type of the error that a run stops because of, as `fail_step` and `fail_output` say it."""
    found = _OF_ERROR.match(stop.message) if stop.reason is StopReason.FAILED else None
    return "" if found is None else found[1]


def fail_lost(draft: Draft) -> None:
    """Loops have failed that nothing is going on of any more."""
    while draft.lost:
        fail_step(draft, *draft.lost.popitem())


def fail_output(draft: Draft, error: ErrorInfo) -> None:
    """The workflow's output cannot be made, so the run stops, and is compensated."""
    _stop(draft, Stop(StopReason.FAILED, f"output: {error}"))


def _stop(draft: Draft, stop: Stop) -> None:
    standing = draft.state.record.stop
    if standing is not None and (draft.terminated or stop.reason is not StopReason.TERMINATED):
        return
    for step in sorted(draft.state.waiting):
        if step not in draft.state.inflight:  # an approval is fenced
            draft.settle(step, StepStatus.CANCELLED)
            dropped(draft, step)
    status = draft.state.status
    if status is RunStatus.WAITING_HUMAN:
        status = RunStatus.RUNNING
    draft.state = replace(draft.state.with_record(stop=stop, status=status), waiting=frozenset())
    if draft.state.record.ending is not None:
        draft.state = replace(draft.state, saga=())
    for step in sorted(draft.state.inflight):
        if draft.state.steps[step].status is StepStatus.PENDING:
            draft.judge(step)  # a coordinator with another view may have enqueued it
        else:
            draft.fence(step)
    dispatch_ready(draft, draft.plan.order)


def step_cancelled(draft: Draft, fact: StepCancelled) -> None:
    """An attempt in flight has ended without a result."""
    if fact.step not in draft.state.inflight or not (draft.stopping or draft.stops(fact.step)):
        return
    undo = draft.state.steps[fact.step].attempt.kind is Kind.COMPENSATE
    draft.settle(fact.step, StepStatus.CANCELLED, revision=fact.revision)
    if not undo:
        dropped(draft, fact.step)
    if draft.state.saga is not None:  # terminated in the midst of its saga
        draft.state = replace(draft.state, saga=())


def continue_saga(draft: Draft, stop: Stop) -> None:
    """Nothing is in flight: compensate the next step, or end."""
    if draft.state.saga is None:
        ended = stop.reason is StopReason.ENDED
        open_saga(draft, stop, compensate=not (draft.terminated or ended))
    if draft.state.saga:
        step = draft.state.saga[0]
        iteration = draft.state.steps[step].attempt.iteration
        draft.dispatch(step, Attempt(Kind.COMPENSATE, 1, 1, iteration))
        return
    if stop.reason is StopReason.ENDED:
        end(draft, RunStatus.COMPLETED)
        return
    failed = stop.reason in {StopReason.FAILED, StopReason.TIMED_OUT}
    end(draft, RunStatus.FAILED if failed else RunStatus.CANCELLED, error=stop.message)


def open_saga(draft: Draft, stop: Stop, *, compensate: bool) -> None:
    """What has not started never will; what was completed is listed to be undone."""
    for step, at in draft.state.steps.items():
        if at.status is StepStatus.PENDING and not draft.plan.closes(step):
            draft.settle(step, StepStatus.CANCELLED)
    saga = compensations(draft.plan, draft.state) if compensate else ()
    draft.state = replace(draft.state, saga=saga)
    if saga:
        draft.state = draft.state.with_record(status=RunStatus.COMPENSATING)
        draft.emits.append(Emit(EventType.COMPENSATING, steps_count=len(saga), error=stop.message))


def compensations(plan: Plan, state: RunState) -> tuple[str, ...]:
    """Completed steps that define a compensation, in reverse order of their completion."""
    undo = [
        (state.steps[step].completed, step)
        for step in (state.steps if state.loops else plan.order)
        if plan.step(step).saga is not None and state.steps[step].status is StepStatus.COMPLETED
    ]
    return tuple(step for _, step in sorted(undo, reverse=True))


def compensated(draft: Draft, fact: Compensated) -> None:
    """A compensation succeeded; the next one is due."""
    at = draft.state.steps.get(fact.step)
    if at is not None and at.status is StepStatus.COMPENSATING:
        _undone(draft, fact.step, StepStatus.COMPENSATED, revision=fact.revision, error=None)


def compensation_failed(draft: Draft, fact: AttemptFailed) -> None:
    """A compensation is given up; it is recorded, and the rest still run."""
    definition = draft.plan.step(fact.step).saga
    critical = definition is not None and definition.is_critical
    _undone(draft, fact.step, StepStatus.FAILED)
    draft.emits.append(
        Emit(
            EventType.STEP_COMPENSATION_FAILED,
            fact.step,
            step_id=fact.step,
            error=str(fact.error),
            reason="critical" if critical else "",
        )
    )
    record = draft.state.record
    failed = record.failed_compensations
    draft.state = draft.state.with_record(
        failed_compensations=(
            failed if fact.step in failed or len(failed) >= MAX_NAMED else (*failed, fact.step)
        ),
        needs_attention=record.needs_attention or critical,
    )


def _undone(draft: Draft, step: str, status: StepStatus, **changes: object) -> None:
    draft.settle(step, status, **changes)
    draft.state = replace(draft.state, saga=(draft.state.saga or ())[1:])
