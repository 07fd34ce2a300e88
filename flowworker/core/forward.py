"""The way forward: ready steps are dispatched until every step is completed or skipped."""

from __future__ import annotations

__all__ = ["OPEN", "begin", "dispatch_ready", "resolve", "start", "step_completed"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.attempt import Attempt
from flowworker.core.effects import SetTimeout
from flowworker.core.status import Kind, StepStatus

if TYPE_CHECKING:
    from flowworker.core.draft import Draft
    from flowworker.core.facts import StepCompleted

OPEN = frozenset({StepStatus.PENDING, StepStatus.RUNNING, StepStatus.RETRYING, StepStatus.FALLBACK})
"""States in which an attempt of the step or its fallback may still end."""


def start(draft: Draft) -> None:
    """Begin, unless the run has begun."""
    first = draft.plan.order[0]
    if draft.state.steps[first].status is StepStatus.PENDING:
        begin(draft)


def begin(draft: Draft) -> None:
    """Set the workflow's timeout; dispatch what is ready and not yet dispatched."""
    timeout = draft.plan.workflow.timeout
    if timeout is not None:
        draft.rest.append(SetTimeout(draft.state.record.created_at + timeout))
    dispatch_ready(draft, draft.plan.order)


def dispatch_ready(draft: Draft, steps: tuple[str, ...]) -> None:
    """Dispatch those of the steps that wait for nothing and were not dispatched before."""
    for step in steps:
        if draft.state.unmet[step] == 0 and draft.state.steps[step].status is StepStatus.PENDING:
            draft.dispatch(step, Attempt(Kind.RUN, draft.state.steps[step].attempt.turn, 1))


def step_completed(draft: Draft, fact: StepCompleted) -> None:
    """Keep the output and go on to the successors. Also while stopping: the saga undoes it."""
    if fact.step not in draft.state.steps or draft.state.steps[fact.step].status not in OPEN:
        return
    draft.settle(
        fact.step,
        StepStatus.COMPLETED,
        attempt=fact.attempt,
        output=fact.output,
        revision=fact.revision,
        completed=fact.revision,
        error=None,
    )
    resolve(draft, fact.step)


def resolve(draft: Draft, step: str) -> None:
    """Successors wait for one step less; those that wait for none are ready."""
    successors = draft.plan.successors[step]
    unmet = draft.state.unmet
    for successor in successors:
        unmet = unmet.set(successor, unmet[successor] - 1)
    draft.state = replace(draft.state, unmet=unmet, unresolved=draft.state.unresolved - 1)
    dispatch_ready(draft, successors)
