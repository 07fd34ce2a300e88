"""Records -> state: what a coordinator does when it meets a run that it does not hold in memory.

Effects of the replay are dropped (`_recover` repeats those that matter); its events are kept, for
the last one may never have been published. The performer checks them against the history.
"""

from __future__ import annotations

__all__ = ["rebuild", "view"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.decide import advance, follow
from flowworker.core.effects import Dispatch, SetStart
from flowworker.core.forward import begin, dispatch_ready
from flowworker.core.loops import resume
from flowworker.core.replay import replay
from flowworker.core.status import TERMINAL, RunStatus, StepStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowworker.core.draft import Draft, Effects
    from flowworker.core.facts import Fact
    from flowworker.core.graph import Plan
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
    draft = replay(plan, record, revision, steps, now)
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
    draft = replay(plan, record, revision, steps, now)
    if draft.state.status is RunStatus.WAITING_HUMAN and not draft.state.waiting:
        dispatch_ready(draft, plan.order)  # the run's record is written before that of what asks
    state = draft.state
    for step in state.inflight:
        if step in state.waiting:
            state = state.with_step(step, status=StepStatus.WAITING_HUMAN)
        elif step not in steps:
            state = state.with_step(step, status=StepStatus.PENDING)
    return replace(state, record=record)
