"""An App for tests: the user's handlers, some of them replaced, and each call of them noted."""

from __future__ import annotations

__all__ = ["Call", "TriedApp"]

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.codec.json import encode
from flowworker.errors import InvalidInput, PayloadTooLarge
from flowworker.handlers import App
from flowworker.handlers.handler import Handler
from flowworker.testing.replacing import Replacement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from flowworker.core.status import Kind
    from flowworker.handlers import StepContext
    from flowworker.handlers.app import Middleware, StepHandler
    from flowworker.testing.loop import JumpingLoop


@dataclass(slots=True)
class Call:
    """One call of a handler.

    Attributes:
        handler: its name, as in `uses`.
        kind: whether it was called for the step itself, as its fallback or its compensation.
        turn, attempt: which one, from 1.
        input: what `ctx.input` was.
        at: how much time had passed since the test began.
        error: what it raised; None if it returned, or was not heard of since.
    """

    handler: str
    run_id: str
    step_id: str
    kind: Kind
    turn: int
    attempt: int
    input: dict[str, Any] = field(repr=False)
    at: timedelta
    error: BaseException | None = None


class TriedApp(App):
    """All handlers of an App.

    Attributes:
        calls: of its handlers, in their order.
        running: those that have not ended.
        ended: how many calls began and ended, in all.
    """

    def __init__(self, app: App, loop: JumpingLoop) -> None:
        """Take over the handlers of `app`, which is left as it is."""
        super().__init__()
        self.include(app)
        self.calls: list[Call] = []
        self.running: list[Call] = []
        self.ended = 0
        self._loop = loop
        self._replacements: dict[str, Replacement] = {}

    def replace(self, name: str, by: StepHandler | Replacement, used: Collection[str]) -> None:
        """Have something else called instead of a handler, from now on.

        Args:
            name: of the handler, which need not exist.
            by: a function like any handler, or a replacement.
            used: names of handlers that workflows use.

        Raises:
            InvalidInput: no workflow uses such a handler, or the function cannot be one.
        """
        if name not in used:
            near = get_close_matches(name, used, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"they use {', '.join(sorted(used))}"
            raise InvalidInput(f"replace {name!r}: no workflow uses that handler; {hint}")
        known = self.handlers.get(name)
        if isinstance(by, Replacement):
            self._replacements[name] = by
            if known is None:
                self._handlers[name] = Handler(name, _nothing)
            return
        limit = None if known is None else known.heartbeat_timeout
        self._handlers[name] = Handler(name, by, None, limit)
        self._handlers[name].resolve()
        self._replacements.pop(name, None)

    def middleware_of(self, name: str) -> tuple[Middleware, ...]:
        """What is called around a handler: ours is the outermost."""
        return (partial(self._call, name), *super().middleware_of(name))

    async def _call(
        self, name: str, ctx: StepContext, call_next: Callable[[], Awaitable[Any]]
    ) -> Any:
        call = Call(
            name,
            ctx.run_id,
            ctx.step_id,
            ctx.kind,
            ctx.turn,
            ctx.attempt,
            _input_of(ctx),
            timedelta(seconds=round(self._loop.moment, 3)),
        )
        self.calls.append(call)
        self.running.append(call)
        task = asyncio.current_task()
        if task is not None:
            self._loop.acting.add(task)
        replacement = self._replacements.get(name)
        try:
            if replacement is None:
                return await call_next()
            return await replacement.call(ctx, call_next)
        except BaseException as error:
            call.error = error
            raise
        finally:
            self.ended += 1
            self.running.remove(call)
            if task is not None:
                self._loop.acting.discard(task)


async def _nothing(ctx: StepContext) -> None:
    """What a handler does that exists in no App, once its replacement lets it be called."""


def _input_of(ctx: StepContext) -> dict[str, Any]:
    try:
        given: dict[str, Any] = msgspec.json.decode(encode(ctx.input))
        return given
    except PayloadTooLarge:
        return {}
