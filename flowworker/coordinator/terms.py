"""How long an attempt may take and which lane it takes: numbers and words, or expressions."""

from __future__ import annotations

__all__ = ["Terms"]

from typing import TYPE_CHECKING

from flowworker.core.status import Kind, Priority
from flowworker.definitions import parse_duration
from flowworker.errors import ExpressionError, InvalidInput

if TYPE_CHECKING:
    from typing import Any

    from flowworker.coordinator.evaluation import Evaluation
    from flowworker.core.effects import Dispatch
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState


class Terms:
    """Evaluates them when an attempt is enqueued; one for all runs of a coordinator.

    Raises:
        ExpressionError: one cannot be evaluated, or is not what it should be.
        CorruptRecord, Unavailable: as `Values.of`.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation

    async def timeout(self, plan: Plan, state: RunState, wanted: Dispatch) -> float:
        """Seconds that the call of the handler may take; 0 for no limit."""
        step = plan.steps[wanted.step]
        undo = step.saga if wanted.attempt.kind is Kind.COMPENSATE else None
        limit, part = (step.timeout, "timeout") if undo is None else (undo.timeout, "saga.timeout")
        if not isinstance(limit, str):
            return limit or 0.0
        own = undo is not None
        value = await self._evaluation.template(plan, state, step.id, part, limit, own=own)
        return _seconds(part, limit, value)

    async def priority(self, plan: Plan, state: RunState, step: str) -> Priority:
        """Its lane."""
        given = plan.steps[step].priority
        if given is None:
            return state.record.priority
        if given not in _LANES:
            given = await self._evaluation.template(plan, state, step, "priority", given)
        if given not in _LANES:
            text = plan.steps[step].priority or ""
            words = ", ".join(_LANES)
            raise ExpressionError(text, f"priority: expected one of {words}, found {given!r:.80}")
        return Priority(given)


_LANES = tuple(Priority)


def _seconds(part: str, text: str, value: Any) -> float:
    """A duration that an expression came to."""
    expected = "a duration greater than 0, such as 30 or '1m30s'"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ExpressionError(text, f"{part}: expected {expected}, found {value!r:.80}")
    try:
        seconds = parse_duration(value)
    except InvalidInput as error:
        raise ExpressionError(text, f"{part}: {error}") from None
    if not seconds:
        raise ExpressionError(text, f"{part}: expected {expected}, found {value!r}")
    return seconds
