"""How long an attempt may take or waits, and which lane it takes: values, or expressions."""

from __future__ import annotations

__all__ = ["Terms"]

from typing import TYPE_CHECKING

from flowworker.core.fairness import (
    GREATEST_WEIGHT,
    LEAST_WEIGHT,
    WEIGHTS,
    gate_of,
    share_of,
)
from flowworker.core.limit import THROTTLE, Use, named_limit, own_limit
from flowworker.core.status import Kind, Priority
from flowworker.definitions import parse_duration
from flowworker.definitions.moment import is_moment, parse_moment
from flowworker.errors import ExpressionError, InvalidInput
from flowworker.evaluation.keys import key_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flowworker.core.effects import Dispatch
    from flowworker.core.fairness import Fairness, Share
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState
    from flowworker.evaluation.evaluation import Evaluation


class Terms:
    """Evaluates them when an attempt is enqueued; one for all runs that a process looks at.

    Raises:
        ExpressionError: one cannot be evaluated, or is not what it should be.
        CorruptRecord, Unavailable: as `Values.of`.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation

    async def timeout(self, plan: Plan, state: RunState, wanted: Dispatch) -> float:
        """Seconds that the call of the handler may take; 0 for no limit."""
        limit = plan.call(wanted.step, wanted.attempt.kind).timeout
        if not isinstance(limit, str):
            return limit
        own = wanted.attempt.kind is Kind.COMPENSATE
        part = "saga.timeout" if own else "timeout"
        value = await self._evaluation.template(plan, state, wanted.step, part, limit, own=own)
        return _seconds(part, limit, value)

    async def wakes_at(self, plan: Plan, state: RunState, step: str, now: float) -> float:
        """The moment for which an engine step waits that begins now; 0 for none."""
        at = plan.step(step)
        if at.sleep is not None:
            return now + await self._wait(plan, state, step, "sleep", at.sleep)
        if at.until is not None:
            return await self._moment(plan, state, step, at.until)
        waits = at.wait_for or at.approval
        if waits is None or waits.timeout is None:
            return 0.0
        return now + await self._wait(plan, state, step, "limit", waits.timeout)

    async def prompt(self, plan: Plan, state: RunState, step: str) -> str:
        """What a step asks a human; empty if it asks nothing."""
        asked = plan.step(step).approval
        if asked is None or "${" not in asked.prompt:
            return "" if asked is None else asked.prompt
        value = await self._evaluation.template(plan, state, step, "prompt", asked.prompt)
        return value if isinstance(value, str) else str(value)

    async def _wait(
        self, plan: Plan, state: RunState, step: str, part: str, given: float | str
    ) -> float:
        if not isinstance(given, str):
            return given
        value = await self._evaluation.template(plan, state, step, part, given)
        return _number(part, given, value, "a duration such as 30 or '1m30s'", parse_duration)

    async def _moment(self, plan: Plan, state: RunState, step: str, given: str) -> float:
        if is_moment(given):
            return parse_moment(given)
        value = await self._evaluation.expression(plan, state, step, "until", given)
        example = "a moment such as '2030-01-31T08:00:00Z'"
        return _number("until", given, value, example, parse_moment)

    async def intervals(self, plan: Plan, state: RunState, wanted: Dispatch) -> tuple[float, ...]:
        """Seconds of its retry rules, if there are expressions among them."""
        kind = wanted.attempt.kind
        found = []
        for number, given in enumerate(plan.call(wanted.step, kind).intervals):
            value: Any = given
            if isinstance(given, str):
                part = f"interval {number} of {kind}"
                own = kind is Kind.COMPENSATE
                value = await self._evaluation.template(
                    plan, state, wanted.step, part, given, own=own
                )
            found.append(_seconds("interval", str(given), value))
        return tuple(found)

    async def pause(self, plan: Plan, state: RunState, step: str) -> float:
        """Seconds between two iterations of a step that is repeated."""
        repeat = plan.step(step).repeat
        interval = 0.0 if repeat is None else repeat.interval
        return await self._wait(plan, state, step, "repeat.interval", interval)

    async def priority(self, plan: Plan, state: RunState, step: str) -> Priority:
        """Its lane."""
        given = plan.step(step).priority
        if given is None:
            return state.record.priority
        if given not in _LANES:
            given = await self._evaluation.template(plan, state, step, "priority", given)
        if given not in _LANES:
            text = plan.step(step).priority or ""
            words = ", ".join(_LANES)
            raise ExpressionError(text, f"priority: expected one of {words}, found {given!r:.80}")
        return Priority(given)

    async def limits(self, plan: Plan, state: RunState, step: str) -> tuple[Use, ...]:
        """The limits that attempts of a step fall under, in the order in which they are taken.

        It is the same for all, so no two wait for what the other one holds; and what the fewest
        share comes first, so that who waits for that keeps nobody else waiting. A throttle comes
        behind what limits the number of as many: who has waited for both begins at once. Last is
        whose turn it is, so that nobody waits for anything else who has a place in the lane.
        """
        defined = plan.step(step)
        found = [(_NAMED, Use(named_limit(name))) for name in defined.limits]
        for number, own in enumerate(defined.concurrency):
            part = f"key of concurrency {number + 1}"
            limit = await self._own(plan, state, step, number, part, own.key)
            found.append((_KEYED if own.key else _UNKEYED, Use(limit, own.limit)))
        if defined.throttle is not None:
            own_key = defined.throttle.key
            limit = await self._own(plan, state, step, THROTTLE, "key of throttle", own_key)
            rank = _KEYED_RATE if own_key else _UNKEYED_RATE
            found.append((rank, Use(limit, rate=defined.throttle.rate)))
        if defined.fairness is not None:
            lane = await self.priority(plan, state, step)
            share = await self._share(plan, state, step, defined.fairness)
            found.append((_GATE, Use(gate_of(defined.queue, lane), share=share)))
        return tuple(use for _, use in sorted(found, key=lambda one: (one[0], one[1].limit)))

    async def _own(
        self, plan: Plan, state: RunState, step: str, number: int | str, part: str, text: str
    ) -> str:
        """The id of a limit of the step's own."""
        value = await self._key(plan, state, step, part, text) if text else "null"
        return own_limit(state.record.workflow, plan.step(step).id, number, value)

    async def _key(self, plan: Plan, state: RunState, step: str, part: str, text: str) -> str:
        """What a key comes to, as JSON."""
        key = await self._evaluation.expression(plan, state, step, part, text)
        try:
            return key_of(key)
        except InvalidInput as error:
            raise ExpressionError(text, f"{part}: {error}") from error

    async def _share(self, plan: Plan, state: RunState, step: str, fairness: Fairness) -> Share:
        """Whose share of its queue attempts of the step take."""
        key = await self._key(plan, state, step, "key of fairness", fairness.key)
        weight: Any = fairness.weight
        if isinstance(weight, str):
            part, text = "weight of fairness", weight
            weight = await self._evaluation.expression(plan, state, step, part, text)
            is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
            if not is_number or not LEAST_WEIGHT <= weight <= GREATEST_WEIGHT:
                why = f"expected {WEIGHTS}, found {weight!r:.80}"
                raise ExpressionError(text, f"{part}: {why}")
        return share_of(key, weight)


_LANES = tuple(Priority)
_KEYED, _KEYED_RATE, _UNKEYED, _UNKEYED_RATE, _NAMED, _GATE = range(6)


def _number(
    part: str, text: str, value: Any, expected: str, parse: Callable[[str | float], float]
) -> float:
    """What an expression came to, as seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ExpressionError(text, f"{part}: expected {expected}, found {value!r:.80}")
    try:
        return parse(value)
    except InvalidInput as error:
        raise ExpressionError(text, f"{part}: {error}") from None


def _seconds(part: str, text: str, value: Any) -> float:
    """A duration that an expression came to, for which something may take."""
    expected = "a duration greater than 0, such as 30 or '1m30s'"
    seconds = _number(part, text, value, expected, parse_duration)
    if not seconds:
        raise ExpressionError(text, f"{part}: expected {expected}, found {value!r}")
    return seconds
