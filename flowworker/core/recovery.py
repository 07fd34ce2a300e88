"""After a loss: repeat every effect that may have been lost. All of them are idempotent."""

from __future__ import annotations

__all__ = ["recover"]

from typing import TYPE_CHECKING

from flowworker.core.commands import Dispatch
from flowworker.core.forward import begin

if TYPE_CHECKING:
    from flowworker.core.turn import Turn


def recover(turn: Turn, *, abandoned: bool) -> None:
    """Dispatch what is ready, and dispatch or fence again what is in flight.

    A claim whose lease still holds is left alone, unless its worker is known to be gone
    (`abandoned`); one whose lease ran out is dispatched as a takeover.
    """
    in_flight = turn.state.in_flight
    if not turn.stopping:
        begin(turn)
    for step in sorted(in_flight):
        if turn.forbids(turn.state.steps[step].kind):
            turn.fence(step, force=abandoned)
        else:
            _dispatch_again(turn, step, abandoned=abandoned)


def _dispatch_again(turn: Turn, step: str, *, abandoned: bool) -> None:
    at = turn.state.steps[step]
    if at.lease_until > turn.now and not abandoned:
        return
    # Without a lease nobody has claimed it, or who had has given it back.
    lost = at.lost + (at.lease_until > 0.0)
    turn.effects.append(Dispatch(step, at.kind, at.turn, at.attempt, at.revision, lost, at.due))
