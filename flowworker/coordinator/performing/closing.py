"""What follows from a run's end, beside its record and its event. All of it may be repeated."""

from __future__ import annotations

__all__ = ["Closing"]

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowworker.coordinator.limits.gate import Gate
    from flowworker.coordinator.retention import Retention
    from flowworker.coordinator.steps.child_steps import ChildSteps
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState
    from flowworker.telemetry.tracing import Tracing


class Closing:
    """One for all runs of a coordinator."""

    def __init__(
        self, gate: Gate, child_steps: ChildSteps, retention: Retention, tracing: Tracing
    ) -> None:
        """Say so to these."""
        self._gate = gate
        self._child_steps = child_steps
        self._retention = retention
        self._tracing = tracing

    async def close(self, plan: Plan, state: RunState) -> None:
        """Let another run in, go on above, send the result, and set out to remove it."""
        await self._gate.over(state.record)
        await self._child_steps.ended(state.record, (plan, state))
        await self._retention.finish(plan, state)
        self._tracing.run_ended(state.record)
