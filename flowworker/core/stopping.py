"""The way to an end before all is done: fence what is in flight, await it, compensate, end."""

from __future__ import annotations

__all__ = [
    "cancel_requested",
    "compensated",
    "compensation_failed",
    "continue_saga",
    "fail_step",
    "open_saga",
    "step_cancelled",
    "timed_out",
]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.commands import Emit, EventType
from flowworker.core.forward import dispatch_ready
from flowworker.core.records import MAX_NAMED, Stop, StopReason
from flowworker.core.saga import compensations
from flowworker.core.status import Kind, RunStatus, StepStatus

if TYPE_CHECKING:
    from flowworker.core.events import AttemptFailed, CancelRequested, Compensated, StepCancelled
    from flowworker.core.records import ErrorInfo
    from flowworker.core.turn import Turn


def cancel_requested(turn: Turn, event: CancelRequested) -> None:
    """Stop on somebody's wish."""
    reason = StopReason.TERMINATED if event.terminate else StopReason.CANCELLED
    _stop(turn, Stop(reason, event.reason or f"{reason} by operator"))


def timed_out(turn: Turn) -> None:
    """Stop because the workflow's timeout ran out."""
    limit = turn.plan.workflow.timeout or 0.0
    _stop(turn, Stop(StopReason.TIMED_OUT, f"workflow timed out after {limit:g} s"))


def fail_step(turn: Turn, step: str, error: ErrorInfo) -> None:
    """Nothing is left to try for a step, so the run stops."""
    turn.settle(step, StepStatus.FAILED, error=error)
    detail = f"{step}/{turn.state.steps[step].turn}"
    turn.emits.append(Emit(EventType.STEP_FAILED, detail, step_id=step, error=str(error)))
    _stop(turn, Stop(StopReason.FAILED, f"step {step!r} failed: {error}", step))


def _stop(turn: Turn, stop: Stop) -> None:
    standing = turn.state.record.stop
    if standing is not None and (turn.terminated or stop.reason is not StopReason.TERMINATED):
        return
    for step in sorted(turn.state.waiting):
        turn.settle(step, StepStatus.CANCELLED)
    status = turn.state.status
    if status is RunStatus.WAITING_HUMAN:
        status = RunStatus.RUNNING
    turn.state = replace(turn.state.with_record(stop=stop, status=status), waiting=frozenset())
    for step in sorted(turn.state.in_flight):
        turn.fence(step)
    dispatch_ready(turn, turn.plan.order)


def step_cancelled(turn: Turn, event: StepCancelled) -> None:
    """An attempt in flight is over without a result."""
    if not turn.stopping or event.step not in turn.state.in_flight:
        return
    turn.settle(event.step, StepStatus.CANCELLED, revision=event.revision)
    if turn.state.saga is not None:  # terminated in the midst of its saga
        turn.state = replace(turn.state, saga=())


def continue_saga(turn: Turn, stop: Stop) -> None:
    """Nothing is in flight: compensate the next step, or end."""
    if turn.state.saga is None:
        open_saga(turn, stop, compensate=not turn.terminated)
    if turn.state.saga:
        turn.dispatch(turn.state.saga[0], Kind.COMPENSATE, 1, 1)
        return
    failed = stop.reason in {StopReason.FAILED, StopReason.TIMED_OUT}
    turn.end(RunStatus.FAILED if failed else RunStatus.CANCELLED, error=stop.message)


def open_saga(turn: Turn, stop: Stop, *, compensate: bool) -> None:
    """What has not started never will; what was completed is listed to be undone."""
    for step, at in turn.state.steps.items():
        if at.status is StepStatus.PENDING:
            turn.settle(step, StepStatus.CANCELLED)
    saga = compensations(turn.plan, turn.state) if compensate else ()
    turn.state = replace(turn.state, saga=saga)
    if saga:
        turn.state = turn.state.with_record(status=RunStatus.COMPENSATING)
        turn.emits.append(Emit(EventType.COMPENSATING, steps_count=len(saga), error=stop.message))


def compensated(turn: Turn, event: Compensated) -> None:
    """A compensation succeeded; the next one is due."""
    at = turn.state.steps.get(event.step)
    if at is not None and at.status is StepStatus.COMPENSATING:
        _undone(turn, event.step, StepStatus.COMPENSATED, revision=event.revision, error=None)


def compensation_failed(turn: Turn, event: AttemptFailed) -> None:
    """A compensation is given up; it is recorded, and the rest still run."""
    definition = turn.plan.steps[event.step].saga
    critical = definition is not None and definition.is_critical
    _undone(turn, event.step, StepStatus.FAILED)
    turn.emits.append(
        Emit(
            EventType.STEP_COMPENSATION_FAILED,
            event.step,
            step_id=event.step,
            error=str(event.error),
            reason="critical" if critical else "",
        )
    )
    record = turn.state.record
    failed = record.failed_compensations
    turn.state = turn.state.with_record(
        failed_compensations=(
            failed if event.step in failed or len(failed) >= MAX_NAMED else (*failed, event.step)
        ),
        needs_attention=record.needs_attention or critical,
    )


def _undone(turn: Turn, step: str, status: StepStatus, **changes: object) -> None:
    turn.settle(step, status, **changes)
    turn.state = replace(turn.state, saga=(turn.state.saga or ())[1:])
