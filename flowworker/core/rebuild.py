"""Records -> state: what a coordinator does when it meets a run that it does not hold in memory.

The records are replayed through the same rules that handle live events, in the order of their
revisions, so there is no second opinion on what a fact means. Effects of the replay are dropped
(`recover` repeats those that matter); its events are kept, for the last one may never have been
published. Whoever performs the result checks them against the history.
"""

from __future__ import annotations

__all__ = ["rebuild", "view"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.decide import advance
from flowworker.core.events import AttemptFailed, Compensated, StepCompleted
from flowworker.core.failure import attempt_failed, next_after
from flowworker.core.forward import step_completed
from flowworker.core.payload import EMPTY
from flowworker.core.policy import FallBack, Retry
from flowworker.core.records import ErrorInfo, StepRecord, StopReason
from flowworker.core.recovery import recover
from flowworker.core.saga import compensations
from flowworker.core.state import initial
from flowworker.core.status import TERMINAL, Kind, Outcome, RunStatus, StepStatus
from flowworker.core.stopping import compensated
from flowworker.core.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState
    from flowworker.core.turn import Commands


def rebuild(
    plan: Plan,
    record: RunRecord,
    revision: int,
    steps: Mapping[str, tuple[StepRecord, int]],
    now: float,
    *,
    abandoned: bool = False,
) -> tuple[RunState, Commands]:
    """The state of a run, and everything that may be missing.

    Args:
        plan: the definition that the run is pinned to.
        record: the run's record.
        revision: of that record.
        steps: record and revision of each step that has one.
        now: seconds since the Unix epoch.
        abandoned: nobody executes any attempt of this run, whatever leases say.
    """
    turn = _replay(plan, record, revision, steps, now)
    turn.effects.clear()
    if record.status in TERMINAL:
        turn.emits.clear()
        turn.tell_end()
    else:
        recover(turn, abandoned=abandoned)
        advance(turn)
    return turn.state, turn.commands()


def view(
    plan: Plan,
    record: RunRecord,
    revision: int,
    steps: Mapping[str, tuple[StepRecord, int]],
    now: float,
) -> RunState:
    """The same state for people to look at: a step that no worker has claimed is PENDING."""
    state = _replay(plan, record, revision, steps, now).state
    for step in state.in_flight:
        if state.steps[step].status is StepStatus.RUNNING and step not in steps:
            state = state.with_step(step, status=StepStatus.PENDING)
    return replace(state, record=record)


def _replay(
    plan: Plan,
    record: RunRecord,
    revision: int,
    steps: Mapping[str, tuple[StepRecord, int]],
    now: float,
) -> Turn:
    turn = Turn(plan, initial(plan, record, revision), now)
    known = [(step, rev) for step, rev in steps.values() if step.step in plan.steps]
    for step, rev in sorted(known, key=lambda entry: entry[0].completed or entry[1]):
        _replay_forward(turn, step, rev)
    if turn.stopping:
        _close_unstarted(turn)
        _replay_saga(turn, {step.step: (step, rev) for step, rev in known})
    return turn


def _replay_forward(turn: Turn, step: StepRecord, revision: int) -> None:
    if step.kind is Kind.COMPENSATE or step.outcome is Outcome.COMPLETED:
        completion = step.completed or revision
        step_completed(
            turn,
            StepCompleted(
                step.step, step.kind, step.turn, step.attempt, step.output or EMPTY, completion
            ),
        )
        turn.state = turn.state.with_step(step.step, revision=revision)
        return
    match step.outcome:
        case Outcome.RUNNING:
            turn.dispatch(step.step, step.kind, step.turn, step.attempt)
            turn.state = turn.state.with_step(
                step.step, revision=revision, lost=step.lost, lease_until=step.lease_until
            )
        case Outcome.FAILED:
            failed = _failure(step, revision)
            if turn.stopping and isinstance(next_after(turn, failed), Retry | FallBack):
                # The next attempt may be under way: fence it before the saga begins.
                turn.dispatch(step.step, step.kind, step.turn, step.attempt)
                turn.state = turn.state.with_step(step.step, revision=revision, error=step.error)
            else:
                attempt_failed(turn, failed)
        case Outcome.CANCELLED:
            turn.settle(step.step, StepStatus.CANCELLED, revision=revision, error=step.error)


def _failure(step: StepRecord, revision: int) -> AttemptFailed:
    error = step.error or ErrorInfo("Unknown", "the record of the failure has no error")
    return AttemptFailed(
        step.step, step.kind, step.turn, step.attempt, error, revision, step.finished_at
    )


def _close_unstarted(turn: Turn) -> None:
    """Ready steps may have been dispatched before the stop; the others cannot have been."""
    for step, at in turn.state.steps.items():
        if at.status is not StepStatus.PENDING:
            continue
        if turn.state.unmet[step] == 0:
            turn.dispatch(step, Kind.RUN, at.turn, 1)
        else:
            turn.settle(step, StepStatus.CANCELLED)


def _replay_saga(turn: Turn, records: Mapping[str, tuple[StepRecord, int]]) -> None:
    stop = turn.state.record.stop
    status = turn.state.status
    ended = status in TERMINAL
    if ended:
        turn.state = replace(turn.state, in_flight=frozenset())
    if status is not RunStatus.COMPENSATING and not ended:
        return
    saga = compensations(turn.plan, turn.state)
    turn.state = replace(turn.state, saga=saga)
    for step in saga:
        record, revision = records.get(step, (None, 0))
        if record is None or record.kind is not Kind.COMPENSATE:
            continue
        turn.dispatch(step, Kind.COMPENSATE, record.turn, record.attempt)
        turn.state = turn.state.with_step(
            step, revision=revision, lost=record.lost, lease_until=record.lease_until
        )
        match record.outcome:
            case Outcome.COMPLETED:
                compensated(turn, Compensated(step, revision))
            case Outcome.FAILED:
                attempt_failed(turn, _failure(record, revision))
            case Outcome.CANCELLED:
                turn.settle(step, StepStatus.CANCELLED)
            case Outcome.RUNNING:
                pass
    if stop is not None and stop.reason is StopReason.TERMINATED:
        turn.state = replace(turn.state, saga=())
