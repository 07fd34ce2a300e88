"""Stand-ins for the user's handlers: they take time, fail, and die, and have no effect outside.

What they return fits the handler's annotation, or is what the user gave for it.
"""

from __future__ import annotations

__all__ = ["Call", "Ending", "stand_ins"]

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from flowworker.core.status import Kind
from flowworker.handlers import App
from flowworker.simulate.process import current_process
from flowworker.simulate.samples import sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowworker.handlers import StepContext
    from flowworker.simulate.troubles import Troubles

_FAILS = (0.0, 0.1, 0.3, 0.9)
"""How likely a handler fails, of which one is drawn for it in each world."""
_DIES = 0.06
_LONGEST = 20.0


class Ending(StrEnum):
    """How a call ended, as the handler's own process knows it."""

    RETURNED = "returned"
    RAISED = "raised"
    LOST = "lost"
    """Its process died, or it was stopped, in the middle."""


@dataclass(slots=True)
class Call:
    """One call of a handler."""

    handler: str
    step: str
    key: str
    ending: Ending = Ending.LOST


def stand_ins(
    names: Iterable[str],
    app: App,
    errors: Mapping[str, tuple[str, ...]],
    outputs: Mapping[str, Any],
    troubles: Troubles,
    calls: list[Call],
) -> App:
    """An App that has a stand-in for each handler.

    Args:
        names: of the handlers.
        app: the user's, which is asked for what they return.
        errors: by handler, types of errors that it may fail with.
        outputs: by handler, what it returns instead of something that fits.
        troubles: what goes wrong.
        calls: where each call is noted.
    """
    made = App()
    for name in names:
        known = app.handlers.get(name)
        schema = None if known is None else known.output_schema
        handler = _StandIn(name, schema, errors.get(name, ()), outputs, troubles, calls)
        made.step(name)(handler.stands_in())
    return made


class _StandIn:
    def __init__(
        self,
        name: str,
        schema: Any,
        errors: tuple[str, ...],
        outputs: Mapping[str, Any],
        troubles: Troubles,
        calls: list[Call],
    ) -> None:
        self._name = name
        self._schema = schema
        self._errors = [
            type(each, (Exception,), {"__doc__": "Simulated."})
            for each in ("SimulatedError", *errors)
        ]
        self._outputs = outputs
        self._troubles = troubles
        self._calls = calls
        self._fails = troubles.random_of(f"how often {name} fails").choice(_FAILS)

    def stands_in(self) -> Any:
        async def handler(ctx: StepContext[Any]) -> Any:
            return await self._called(ctx)

        return handler

    async def _called(self, ctx: StepContext[Any]) -> Any:
        call = Call(self._name, ctx.step_id, ctx.idempotency_key)
        self._calls.append(call)
        where = f"{self._name} (step {ctx.step_id})"
        random = self._troubles.random_of(where)
        dies = self._troubles.happens(_DIES, f"a worker dies in the middle of {where}")
        await asyncio.sleep(random.random() * _LONGEST)
        process = current_process()
        if dies and process is not None:
            process.die()
            raise asyncio.CancelledError
        kind = random.choice(self._errors)
        if self._may_fail(ctx) and self._troubles.happens(
            self._fails, f"{where} fails with {kind.__name__}"
        ):
            call.ending = Ending.RAISED
            raise kind("simulated")
        call.ending = Ending.RETURNED
        if self._name in self._outputs:
            return self._outputs[self._name]
        return sample(self._schema, random)

    def _may_fail(self, ctx: StepContext[Any]) -> bool:
        """What undoes a step fails once: that it fails for good is nothing that a saga prevents."""
        return ctx.kind is not Kind.COMPENSATE or ctx.attempt == 1
