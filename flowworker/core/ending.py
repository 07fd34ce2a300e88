"""The end of a run, and its `finally`: the steps that run when all else is over.

How the run ends is decided and written before they start, so that they can see it. From then on
nothing changes it but a terminate, which lets none of them go on.
"""

from __future__ import annotations

__all__ = ["close", "end", "let_be"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.forward import dispatch_ready
from flowworker.core.status import RunStatus, StepStatus

if TYPE_CHECKING:
    from flowworker.core.draft import Draft


def end(draft: Draft, status: RunStatus, **changes: object) -> None:
    """The run ends, if there is no `finally` that has to run before."""
    closing = draft.plan.closing
    never_began = draft.state.record.is_early
    if not closing or draft.terminated or never_began:
        let_be(draft)
        draft.end(status, **changes)
        return
    changed = draft.state.with_record(status=RunStatus.RUNNING, ending=status, **changes)
    draft.state = replace(changed, unresolved=len(closing))
    dispatch_ready(draft, closing)


def close(draft: Draft, ending: RunStatus) -> None:
    """End the run once its `finally` is over, or as soon as nothing is in flight if terminated."""
    stop = draft.state.record.stop
    if draft.terminated and stop is not None:
        if not draft.state.inflight:
            let_be(draft)
            draft.end(RunStatus.CANCELLED, error=stop.message)
    elif draft.state.unresolved == 0:
        draft.end(ending)


def let_be(draft: Draft) -> None:
    """What of `finally` has not started never will."""
    for step in draft.plan.closing:
        if draft.state.steps[step].status is StepStatus.PENDING:
            draft.settle(step, StepStatus.CANCELLED)
