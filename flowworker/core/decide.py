"""The engine's one decision: a run and what happened to it -> the run and what shall be done.

`decide` is pure and total. It may be called with any event at any time: an event that is old,
repeated or out of place changes nothing. The phases of a run:

    forward     ready steps are dispatched; ends when every step is completed or skipped
    stopping    `stop` is set: no step starts, those in flight are fenced and awaited
    saga        nothing is in flight: compensations run one by one
    terminal    the record says so; only its effects may be repeated
"""

from __future__ import annotations

__all__ = ["advance", "decide", "follow", "outruns"]

from typing import TYPE_CHECKING, assert_never

from flowworker.core import events as ev
from flowworker.core.failure import attempt_failed
from flowworker.core.forward import OPEN, complete, start, step_completed
from flowworker.core.human import decided
from flowworker.core.recovery import recover
from flowworker.core.status import TERMINAL
from flowworker.core.stopping import (
    cancel_requested,
    compensated,
    continue_saga,
    step_cancelled,
    timed_out,
)
from flowworker.core.turn import Turn

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState
    from flowworker.core.turn import Commands


def decide(plan: Plan, state: RunState, event: ev.Event, now: float) -> tuple[RunState, Commands]:
    """What follows from an event.

    Args:
        plan: the definition that the run is pinned to.
        state: the run before.
        event: what happened; known to be durable.
        now: seconds since the Unix epoch.

    Returns:
        The run after, and the commands to perform in their order.
    """
    turn = Turn(plan, state, now)
    if state.status in TERMINAL:
        if isinstance(event, ev.Recovered):
            turn.tell_end()
    else:
        follow(turn, event)
    return turn.state, turn.commands()


def follow(turn: Turn, event: ev.Event) -> None:
    """Do what an event means to a run that is not over, and go on."""
    _apply(turn, event)
    advance(turn)


def outruns(event: ev.Event, state: RunState) -> bool:
    """Whether an event contradicts what is known of a run: its step cannot have begun yet.

    Whoever dispatched it knew more, most likely because the run was read from outdated records,
    which lack outputs that steps to come need. (Or somebody has written a checkpoint by hand.)
    """
    match event:
        case ev.StepCompleted() | ev.AttemptFailed() if state.status not in TERMINAL:
            at = state.steps.get(event.step)
            return at is not None and at.status in OPEN and state.unmet[event.step] > 0
        case _:
            return False


def _apply(turn: Turn, event: ev.Event) -> None:
    match event:
        case ev.StepCompleted():
            step_completed(turn, event)
        case ev.RunStarted():
            start(turn)
        case ev.AttemptFailed():
            attempt_failed(turn, event)
        case ev.StepCancelled():
            step_cancelled(turn, event)
        case ev.Compensated():
            compensated(turn, event)
        case ev.HumanDecided():
            decided(turn, event)
        case ev.CancelRequested():
            cancel_requested(turn, event)
        case ev.TimedOut():
            timed_out(turn)
        case ev.Recovered():
            recover(turn, abandoned=event.abandoned)
        case _:
            assert_never(event)


def advance(turn: Turn) -> None:
    """Go on to the next phase if this one is over."""
    stop = turn.state.record.stop
    if stop is None:
        if turn.state.unresolved == 0:
            complete(turn)
    elif not turn.state.in_flight:
        continue_saga(turn, stop)
