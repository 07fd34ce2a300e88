"""Records -> state: what a coordinator does when it meets a run that it does not hold in memory.

Effects of the replay are dropped (`_recover` repeats those that matter); its events are kept, for
the last one may never have been published. The performer checks them against the history.
"""

from __future__ import annotations

__all__ = ["rebuild", "view"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.decide import advance, follow
from flowworker.core.effects import Enter, SetStart
from flowworker.core.forward import begin, dispatch_ready
from flowworker.core.replay import replay
from flowworker.core.status import TERMINAL, RunStatus, StepStatus
from flowworker.core.steering import as_steered, repeat, withdraw

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
    the run from being stopped. Of pauses and unpauses the latest counts from the beginning.

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
    is_over = record.status in TERMINAL
    steered = record if is_over else as_steered(record, requests)
    draft = replay(plan, steered, revision, steps, now)
    draft.compare_with(record)
    draft.rest.clear()
    if is_over:
        draft.emit_end()
    else:
        _recover(draft, abandoned=abandoned)
        advance(draft)
        for request in requests:
            if draft.state.status not in TERMINAL:
                follow(draft, request)
    return draft.state, draft.effects()


def _recover(draft: Draft, *, abandoned: bool) -> None:
    """Dispatch what is ready, and dispatch or fence again what is in flight: all is idempotent."""
    record = draft.state.record
    if record.is_early:
        draft.rest.append(SetStart(record.begins_at) if record.begins_at else Enter())
        return
    if draft.state.status is RunStatus.WAITING_HUMAN and not draft.state.waiting:
        draft.state = draft.state.with_record(status=RunStatus.RUNNING)  # the answer is followed
    inflight = draft.state.inflight
    if not draft.stopping:
        begin(draft)
    repeat(draft, inflight, abandoned=abandoned)
    if draft.paused:
        withdraw(draft)


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
