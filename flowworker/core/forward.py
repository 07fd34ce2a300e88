"""The way forward: ready steps are dispatched until every step is completed or skipped."""

from __future__ import annotations

__all__ = ["OPEN", "begin", "complete", "dispatch_ready", "resolve", "start", "step_completed"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.commands import SetTimeout
from flowworker.core.status import Kind, RunStatus, StepStatus

if TYPE_CHECKING:
    from flowworker.core.events import StepCompleted
    from flowworker.core.turn import Turn

OPEN = frozenset({StepStatus.PENDING, StepStatus.RUNNING, StepStatus.RETRYING, StepStatus.FALLBACK})
"""States in which an attempt of the step or its fallback may still end."""


def start(turn: Turn) -> None:
    """Begin, unless the run has begun."""
    first = turn.plan.order[0]
    if turn.state.steps[first].status is StepStatus.PENDING:
        begin(turn)


def begin(turn: Turn) -> None:
    """Set the workflow's timeout; dispatch what is ready and not yet dispatched."""
    timeout = turn.plan.workflow.timeout
    if timeout is not None:
        turn.effects.append(SetTimeout(turn.state.record.created_at + timeout))
    dispatch_ready(turn, turn.plan.order)


def dispatch_ready(turn: Turn, steps: tuple[str, ...]) -> None:
    """Dispatch those of the steps that wait for nothing and were not dispatched before."""
    for step in steps:
        if turn.state.unmet[step] == 0 and turn.state.steps[step].status is StepStatus.PENDING:
            turn.dispatch(step, Kind.RUN, turn.state.steps[step].turn, 1)


def step_completed(turn: Turn, event: StepCompleted) -> None:
    """Keep the output and go on to the successors. Also while stopping: the saga undoes it."""
    if event.step not in turn.state.steps or turn.state.steps[event.step].status not in OPEN:
        return
    turn.settle(
        event.step,
        StepStatus.COMPLETED,
        kind=event.kind,
        turn=event.turn,
        attempt=event.attempt,
        output=event.output,
        revision=event.revision,
        completed=event.revision,
        error=None,
    )
    resolve(turn, event.step)


def resolve(turn: Turn, step: str) -> None:
    """Successors wait for one step less; those that wait for none are ready."""
    successors = turn.plan.successors[step]
    unmet = turn.state.unmet
    for successor in successors:
        unmet = unmet.set(successor, unmet[successor] - 1)
    turn.state = replace(turn.state, unmet=unmet, unresolved=turn.state.unresolved - 1)
    dispatch_ready(turn, successors)


def complete(turn: Turn) -> None:
    """Every step is resolved."""
    turn.end(RunStatus.COMPLETED)
