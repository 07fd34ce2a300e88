"""After a loss: repeat every effect that may have been lost. All of them are idempotent."""

from __future__ import annotations

__all__ = ["recover"]

from typing import TYPE_CHECKING

from flowworker.core.effects import Dispatch
from flowworker.core.forward import begin

if TYPE_CHECKING:
    from flowworker.core.draft import Draft


def recover(draft: Draft, *, abandoned: bool) -> None:
    """Dispatch what is ready, and dispatch or fence again what is in flight.

    A claim whose lease still holds is left alone, unless its worker is known to be gone
    (`abandoned`); one whose lease ran out is dispatched as a takeover.
    """
    inflight = draft.state.inflight
    if not draft.stopping:
        begin(draft)
    for step in sorted(inflight):
        if draft.forbids(draft.state.steps[step].attempt.kind):
            draft.fence(step, force=abandoned)
        else:
            _dispatch_again(draft, step, abandoned=abandoned)


def _dispatch_again(draft: Draft, step: str, *, abandoned: bool) -> None:
    at = draft.state.steps[step]
    if at.lease_until > draft.now and not abandoned:
        return
    # Without a lease nobody has claimed it, or who had has given it back.
    lost = at.lost + (at.lease_until > 0.0)
    draft.rest.append(Dispatch(step, at.attempt, at.revision, lost, at.due))
