"""Records -> state: what a coordinator does when it meets a run that it does not hold in memory.

The records are replayed through the same rules that handle live events, in the order of their
revisions, so there is no second opinion on what a fact means. Effects of the replay are dropped
(`_recover` repeats those that matter); its events are kept, for the last one may never have been
published. The performer checks them against the history.
"""

from __future__ import annotations

__all__ = ["rebuild", "view"]

from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from flowworker.core.attempt import Attempt
from flowworker.core.decide import advance, follow
from flowworker.core.draft import Draft
from flowworker.core.effects import Dispatch, SetStart
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
from flowworker.core.forward import begin, dispatch_ready, step_skipped
from flowworker.core.loops import adopt, dropped, go_on, resume
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
    from collections.abc import Mapping, Sequence

    from flowworker.core.draft import Effects
    from flowworker.core.facts import Fact
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.core.state import RunState


def rebuild(
    plan: Plan,
    record: RunRecord,
    revision: int,
    steps: Mapping[str, tuple[StepRecord, int]],
    now: float,
    *,
    abandoned: bool = False,
    requests: Sequence[Fact] = (),
) -> tuple[RunState, Effects]:
    """The state of a run, and everything that may be missing.

    Requests are part of it, so that whatever keeps a step from being dispatched again does not keep
    the run from being stopped.

    Args:
        plan: the definition that the run is pinned to.
        record: the run's record.
        revision: of that record.
        steps: record and revision of each step that has one.
        now: seconds since the Unix epoch.
        abandoned: no worker executes any attempt of this run, whatever leases say (a `Runner`
            resumes it after its process died).
        requests: what was asked of the run and may stand in no record yet, oldest first.
    """
    draft = _replay(plan, record, revision, steps, now)
    draft.rest.clear()
    if record.status in TERMINAL:
        draft.emit_end()
    else:
        _recover(draft, abandoned=abandoned)
        advance(draft)
        for request in requests:
            if draft.state.status not in TERMINAL:
                follow(draft, request)
    return draft.state, draft.effects()


def _recover(draft: Draft, *, abandoned: bool) -> None:
    """Dispatch what is ready, and dispatch or fence again what is in flight: all is idempotent.

    A claim whose lease still holds is left alone, unless its worker is known to be gone
    (`abandoned`); one whose lease ran out is dispatched as a takeover.
    """
    begins_at = draft.state.record.begins_at
    if begins_at:
        draft.rest.append(SetStart(begins_at))
        return
    if draft.state.status is RunStatus.WAITING_HUMAN and not draft.state.waiting:
        draft.state = draft.state.with_record(status=RunStatus.RUNNING)  # the answer is followed
    inflight = draft.state.inflight
    if not draft.stopping:
        begin(draft)
    for step in sorted(inflight):
        at = draft.state.steps[step]
        if draft.forbids(at.attempt.kind, step):
            draft.fence(step, force=abandoned)
        elif at.status is StepStatus.PENDING:
            draft.judge(step)
        elif draft.plan.step(step).for_each is not None:
            resume(draft, step)
        elif at.status is StepStatus.REPEATING:
            draft.repeat(step)
        else:
            _dispatch_again(draft, step, abandoned=abandoned)


def _dispatch_again(draft: Draft, step: str, *, abandoned: bool) -> None:
    at = draft.state.steps[step]
    if at.lease_until > draft.now and not abandoned:
        return
    # Without a lease it was never claimed, or its worker gave the claim back.
    lost = at.lost + (at.lease_until > 0.0)
    draft.rest.append(Dispatch(step, at.attempt, at.revision, lost, at.due))


def view(
    plan: Plan,
    record: RunRecord,
    revision: int,
    steps: Mapping[str, tuple[StepRecord, int]],
    now: float,
) -> RunState:
    """The same state for people to look at: a step that no worker has claimed is PENDING."""
    draft = _replay(plan, record, revision, steps, now)
    if draft.state.status is RunStatus.WAITING_HUMAN and not draft.state.waiting:
        dispatch_ready(draft, plan.order)  # the run's record is written before that of what asks
    state = draft.state
    for step in state.inflight:
        if step in state.waiting:
            state = state.with_step(step, status=StepStatus.WAITING_HUMAN)
        elif step not in steps:
            state = state.with_step(step, status=StepStatus.PENDING)
    return replace(state, record=record)


def _replay(
    plan: Plan,
    record: RunRecord,
    revision: int,
    steps: Mapping[str, tuple[StepRecord, int]],
    now: float,
) -> Draft:
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
    draft.dispatch(step.step, step.attempt, since=step.since, spent=step.spent)
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
