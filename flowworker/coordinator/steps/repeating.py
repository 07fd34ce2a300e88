"""Judges whether steps that are repeated run again: not if `until` holds, nor beyond `max`.

Safety: what the step comes to is written over the record of the iteration that ended, by
compare-and-set, and so are the next iteration's claim and a fence: of these one succeeds.

Liveness: what is written is published, and its event goes on with the run. That the step runs again
is written nowhere: asked again, the same record says the same.
"""

from __future__ import annotations

__all__ = ["Repeating"]

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flowworker.coordinator.steps.attempts import Attempts, final, stale
from flowworker.core.error_types import REPEAT_LIMIT
from flowworker.core.facts import Repeated
from flowworker.core.payload import EMPTY
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Outcome
from flowworker.errors import Conflict, ExpressionError, InvalidInput

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.effects import Repeat
    from flowworker.core.graph import Plan
    from flowworker.core.repetition import Repeat as Definition
    from flowworker.core.state import RunState
    from flowworker.evaluation.evaluation import Evaluation
    from flowworker.evaluation.terms import Terms
    from flowworker.evaluation.values import Values
    from flowworker.stores.stores import Stores


class Repeating:
    """Evaluates `until`, and ends what is not repeated any more."""

    def __init__(
        self,
        stores: Stores,
        evaluation: Evaluation,
        values: Values,
        terms: Terms,
        clock: Clock,
    ) -> None:
        """Write to the stores' records, and publish to the backend."""
        self._runs = stores.runs
        self._attempts = Attempts(stores, clock)
        self._evaluation = evaluation
        self._values = values
        self._terms = terms
        self._secrets = stores.secrets

    async def judge(self, plan: Plan, state: RunState, wanted: Repeat) -> Repeated | None:
        """When the step runs again; None if an event says what becomes of it.

        Raises:
            Conflict: the run is not as it is held in memory.
            CorruptRecord, Unavailable: as `Values.of`.
        """
        definition = plan.step(wanted.step).repeat
        try:
            if definition is None or await self._holds(plan, state, wanted, definition):
                await self._end(plan, state, wanted, outcome=Outcome.COMPLETED)
                return None
            if wanted.attempt.iteration < definition.max:
                pause = await self._terms.pause(plan, state, wanted.step)
                return Repeated(wanted.step, wanted.attempt, wanted.at + pause)
            text = f"'until' did not hold after {definition.max} iterations"
            error = ErrorInfo(REPEAT_LIMIT, text, retryable=False)
        except (ExpressionError, InvalidInput) as why:
            error = await final(why, state.record, self._secrets)
        await self._end(plan, state, wanted, outcome=Outcome.FAILED, error=error)
        return None

    async def _holds(
        self, plan: Plan, state: RunState, wanted: Repeat, definition: Definition
    ) -> bool:
        run, step, text = state.record.run, wanted.step, definition.until
        output = await self._values.output(run, step, state.steps[step].output or EMPTY)
        roots = {"output": output, "iterations": wanted.attempt.iteration}
        return await self._evaluation.truth(plan, state, step, "repeat.until", text, roots)

    async def _end(self, plan: Plan, state: RunState, wanted: Repeat, **changes: Any) -> None:
        """Write what the step comes to, unless that is written, and publish it."""
        run, keeper = state.record, plan.step(wanted.step).keeper
        found = await self._runs.load_step(keeper, run.run, wanted.step)
        if found is None or found[1] < wanted.revision:
            raise stale(run.run, wanted.step)
        record, revision = found
        if record.attempt != wanted.attempt:
            raise Conflict(f"step {wanted.step!r} of {run.run} runs again already")
        if record.outcome is Outcome.ITERATED:
            record = replace(record, **changes)
            revision = await self._runs.save_step(keeper, record, revision)
        await self._attempts.settled(run, record, revision)
