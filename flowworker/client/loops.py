"""The instances of a loop for people to look at: counted, and the remarkable ones shown."""

from __future__ import annotations

__all__ = ["folded"]

from collections import Counter
from typing import TYPE_CHECKING

from flowworker.client.steps import InstancesView, seen_step
from flowworker.core.ids import instance_id
from flowworker.core.status import StepStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.client.step_history import StepHistory
    from flowworker.core.graph import Plan
    from flowworker.core.records import StepRecord
    from flowworker.core.state import RunState

_SHOWN = 100
"""Instances of a loop that are shown, failed ones first; those that wait for a human always are."""

_FIRST = (
    *(StepStatus.FAILED, StepStatus.WAITING_HUMAN, StepStatus.RETRYING, StepStatus.FALLBACK),
    *(StepStatus.CANCELLED, StepStatus.SKIPPED, StepStatus.COMPENSATING, StepStatus.RUNNING),
)
"""States of those that are shown, in this order."""


def folded(
    step: str,
    plan: Plan,
    state: RunState,
    records: Mapping[str, tuple[StepRecord, int]],
    history: StepHistory,
) -> InstancesView | None:
    """The instances of a step; None if it is no loop, or has not begun."""
    loop = state.loops.get(step)
    if loop is None:
        return None
    ids = (instance_id(step, index) for index in range(loop.count))
    begun = [(one, state.steps[one].status) for one in ids if one in state.steps]
    states = Counter(status for _, status in begun)
    states[StepStatus.PENDING] += loop.count - len(begun)
    by_state: dict[StepStatus, list[str]] = {}
    for one, status in begun:
        by_state.setdefault(status, []).append(one)
    listed = [one for status in _FIRST for one in by_state.get(status, ())]
    waiting = [one for one in listed[_SHOWN:] if one in state.waiting]
    shown = (
        seen_step(one, plan.step(one), state.steps[one], records.get(one), history)
        for one in [*listed[:_SHOWN], *waiting]
    )
    ordered = {status.value: states[status] for status in StepStatus if states[status]}
    return InstancesView(loop.count, ordered, tuple(shown))
