"""Records -> state, through the same rules that handle live events, in the order of revisions.

So there is no second opinion on what a fact means.
"""

from __future__ import annotations

__all__ = ["replay"]

from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from flowworker.core.attempt import Attempt
from flowworker.core.draft import Draft
from flowworker.core.ending import let_be
from flowworker.core.facts import (
    CancelRequested,
    Compensated,
    StepCancelled,
    StepCompleted,
    StepSkipped,
    failure_in,
    iteration_in,
)
from flowworker.core.failure import attempt_failed
from flowworker.core.forward import dispatch_ready, step_skipped
from flowworker.core.loops import adopt, dropped, go_on
from flowworker.core.payload import EMPTY
from flowworker.core.repeating import iterated
from flowworker.core.rerun import replay_kept
from flowworker.core.state import initial
from flowworker.core.status import TERMINAL, Kind, Outcome, RunStatus, StepStatus
from flowworker.core.stopping import (
    cancel_requested,
    compensated,
    completed,
    fail_lost,
    open_saga,
    step_cancelled,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord, StepRecord


def replay(
    plan: Plan,
    record: RunRecord,
    revision: int,
    steps: Mapping[str, tuple[StepRecord, int]],
    now: float,
) -> Draft:
    """A run as its records leave it, with all that followed from them on the way."""
    draft = Draft(plan, initial(plan, record, revision), now)
    if record.ending is not None:
        draft.state = draft.state.with_record(ending=None)
    adopt(draft, steps)
    known = {step: entry for step, entry in steps.items() if step in draft.state.steps}
    first = {step: entry for step, entry in known.items() if not plan.closes(step)}
    _replay_all(draft, first)
    undone = any(step.kind is Kind.COMPENSATE for step, _ in first.values())
    if undone or _is_fenced(draft, first):
        # If the run's record knows of no stop it was read before. To save this is a conflict then.
        cancel_requested(draft, CancelRequested("its steps were cancelled"))
    _replay_stop(draft, record, first, undone=undone)
    if record.ending is not None:
        _replay_closing(draft, {step: known[step] for step in known.keys() - first.keys()}, record)
    if record.status in TERMINAL:
        let_be(draft)
        draft.state = replace(draft.state, record=record)
    return draft


def _in_order(known: Mapping[str, tuple[StepRecord, int]]) -> list[tuple[StepRecord, int]]:
    return sorted(known.values(), key=lambda entry: entry[1])


def _is_fenced(draft: Draft, known: Mapping[str, tuple[StepRecord, int]]) -> bool:
    """Whether the run has stopped a step: not a loop its own instances."""
    return any(
        step.outcome is Outcome.CANCELLED and not draft.stops(step.step)
        for step, _ in known.values()
    )


def _replay_all(draft: Draft, known: Mapping[str, tuple[StepRecord, int]]) -> None:
    for step, (record, _) in known.items():
        if step in draft.state.loops and record.outcome is not Outcome.COMPLETED:
            go_on(draft, step)
    for record, revision in _in_order(known):
        _replay_forward(draft, record, revision)
        fail_lost(draft)


def _replay_stop(
    draft: Draft,
    record: RunRecord,
    known: Mapping[str, tuple[StepRecord, int]],
    *,
    undone: bool,
) -> None:
    stop = draft.state.record.stop
    if stop is None:
        return
    if record.ending is not None and draft.terminated and not (undone or draft.state.unresolved):
        return  # it did not stop before its `finally` was terminated
    dispatch_ready(draft, draft.plan.order)
    compensate = undone or record.status is RunStatus.COMPENSATING
    if compensate or record.ending is not None or record.status in TERMINAL:
        open_saga(draft, stop, compensate=compensate)
        _replay_saga(draft, known)


def _replay_closing(
    draft: Draft, known: Mapping[str, tuple[StepRecord, int]], record: RunRecord
) -> None:
    """The steps of `finally`, once all else is as it was when it began."""
    draft.state = replace(draft.state, record=record, unresolved=len(draft.plan.closing))
    if draft.terminated:
        draft.state = replace(draft.state, saga=())
    dispatch_ready(draft, draft.plan.closing)
    _replay_all(draft, known)
    if _is_fenced(draft, known):
        cancel_requested(draft, CancelRequested("its steps were cancelled", terminate=True))


def _replay_forward(draft: Draft, step: StepRecord, revision: int) -> None:
    if step.is_kept and step.outcome is Outcome.FAILED:
        replay_kept(draft, step, revision)
        return
    if step.kind is Kind.COMPENSATE or step.outcome is Outcome.COMPLETED:
        output = step.output or _answered(draft, step.step) or EMPTY
        at = step.completed or revision
        fact = StepCompleted(step.step, step.attempt, output, at, step.reason)
        completed(draft, fact)
        if step.completed:  # it orders completions; the next claim must find the record itself
            draft.state = draft.state.with_step(step.step, revision=revision)
        return
    match step.outcome:
        case Outcome.RUNNING:
            _replay_claim(draft, step, revision)
        case Outcome.FAILED if step.number == 0:
            # A checkpoint of a step that is still to be attempted: nothing failed.
            draft.state = draft.state.with_step(
                step.step, attempt=Attempt(Kind.RUN, step.turn, 0), revision=revision
            )
        case Outcome.FAILED:
            attempt_failed(draft, failure_in(step, revision))
        case Outcome.CANCELLED:
            draft.settle(
                step.step,
                StepStatus.CANCELLED,
                attempt=step.attempt,
                revision=revision,
                error=step.error,
            )
            dropped(draft, step.step)
        case Outcome.SKIPPED:
            step_skipped(draft, StepSkipped(step.step, revision, step.turn))
        case Outcome.ITERATED:
            iterated(draft, iteration_in(step, revision))
        case _:
            assert_never(step.outcome)


def _answered(draft: Draft, step: str) -> Payload | None:
    """The output that a human gave; a fenced compensation's record may not carry it on."""
    decisions = draft.state.record.decisions.get(step)
    return decisions[-1].output if decisions else None


def _replay_claim(draft: Draft, step: StepRecord, revision: int) -> None:
    draft.dispatch(step.step, step.attempt, since=step.since, spent=step.spent, begun=True)
    draft.state = draft.state.with_step(
        step.step, revision=revision, lost=step.lost, lease_until=step.lease_until
    )


def _replay_saga(draft: Draft, records: Mapping[str, tuple[StepRecord, int]]) -> None:
    for step in draft.state.saga or ():
        record, revision = records[step]
        if record.kind is not Kind.COMPENSATE:
            break
        _replay_claim(draft, record, revision)
        match record.outcome:
            case Outcome.COMPLETED:
                compensated(draft, Compensated(step, revision))
            case Outcome.FAILED:
                attempt_failed(draft, failure_in(record, revision))
            case Outcome.CANCELLED:
                step_cancelled(draft, StepCancelled(step, revision))
            case Outcome.RUNNING | Outcome.SKIPPED | Outcome.ITERATED:
                pass
            case _:
                assert_never(record.outcome)
