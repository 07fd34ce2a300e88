"""What to compensate when a run stops, in which order."""

from __future__ import annotations

__all__ = ["compensations"]

from typing import TYPE_CHECKING

from flowworker.core.status import StepStatus

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState


def compensations(plan: Plan, state: RunState) -> tuple[str, ...]:
    """Completed steps that define a compensation, in reverse order of their completion."""
    undo = [
        (state.steps[step].completed, step)
        for step in plan.order
        if plan.steps[step].saga is not None and state.steps[step].status is StepStatus.COMPLETED
    ]
    return tuple(step for _, step in sorted(undo, reverse=True))
