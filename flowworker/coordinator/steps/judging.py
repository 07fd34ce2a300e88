"""Judges the conditions of steps: a step whose `when` is true is dispatched, any other is not.

Safety: that a step is skipped is written in place of its claim, by compare-and-set. A coordinator
with another view of the run may have enqueued it: of the two writes one succeeds, and the other
finds what stands.

Liveness: what is written is published, and its event goes on with the run, as for any attempt. If
the condition has no value its attempt is refused, and the step's policy follows.
"""

from __future__ import annotations

__all__ = ["Judging"]

from typing import TYPE_CHECKING

from flowworker.coordinator.steps.attempts import Attempts
from flowworker.core.claim import skipped
from flowworker.core.effects import Dispatch
from flowworker.core.facts import Judged
from flowworker.core.status import Outcome
from flowworker.errors import Conflict, ExpressionError, InvalidInput

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.steps.refusals import Refusals
    from flowworker.core.effects import Judge
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState
    from flowworker.evaluation.evaluation import Evaluation
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics


class Judging:
    """Evaluates conditions, and keeps what they forbid."""

    def __init__(
        self,
        stores: Stores,
        evaluation: Evaluation,
        refusals: Refusals,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Write to the stores' records, and publish to the backend."""
        self._runs = stores.runs
        self._attempts = Attempts(stores, clock)
        self._evaluation = evaluation
        self._refusals = refusals
        self._clock = clock
        self._skipped = metrics.steps_skipped

    async def judge(self, plan: Plan, state: RunState, wanted: Judge) -> Judged | None:
        """Whether the step may run; None if an event says what becomes of it.

        Raises:
            Conflict: the run is not as it is held in memory.
            CorruptRecord, Unavailable: as `Values.of`.
        """
        try:
            holds = await self._holds(plan, state, wanted.step)
        except (ExpressionError, InvalidInput) as error:
            attempt = Dispatch(wanted.step, wanted.attempt, wanted.revision)
            await self._refusals.refuse(plan, state, attempt, error)
            return None
        if holds:
            return Judged(wanted.step)
        await self._skip(plan, state, wanted)
        return None

    async def _holds(self, plan: Plan, state: RunState, step: str) -> bool:
        text = plan.step(step).when or ""
        return await self._evaluation.truth(plan, state, step, "when", text)

    async def _skip(self, plan: Plan, state: RunState, wanted: Judge) -> None:
        run, keeper = state.record, plan.step(wanted.step).keeper
        record = skipped(run.run, wanted, self._clock.now())
        try:
            revision = await self._runs.save_step(keeper, record, wanted.revision)
        except Conflict:
            found = await self._runs.load_step(keeper, run.run, wanted.step)
            if found is None or found[0].outcome is not Outcome.SKIPPED:
                raise
            record, revision = found
        await self._attempts.settled(run, record, revision)
        self._skipped[run.workflow].inc()
