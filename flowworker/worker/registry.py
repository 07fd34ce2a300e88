"""What the user registers: handlers by name."""

from __future__ import annotations

__all__ = ["App", "StepHandler", "StepResult"]

import inspect
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from flowworker.core.ids import DOTTED_NAME, MAX_NAME
from flowworker.errors import InvalidInput
from flowworker.worker.handlers import Handler, where

StepResult: TypeAlias = Any
"""What a handler returns, and a step puts out: a value that is JSON, or becomes it."""

StepHandler: TypeAlias = Callable[..., StepResult | Awaitable[StepResult]]
"""A plain or async function of a `StepContext`, and of typed arguments if it likes."""

Function = TypeVar("Function", bound=Callable[..., Any])


class App:
    """The handlers of a worker. Fallbacks and compensations are handlers like any other.

    Attributes:
        runtime: whatever handlers need, reachable as `ctx.runtime`: connections, settings.
    """

    def __init__(self, runtime: Any = None) -> None:
        """Start without handlers."""
        self.runtime = runtime
        self._handlers: dict[str, Handler] = {}

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by name, read-only."""
        return MappingProxyType(self._handlers)

    def step(self, name: str) -> Callable[[Function], Function]:
        """Register a function as the handler that `uses: <name>` means.

        `async def` runs on the event loop, plain `def` in a thread. The first parameter is the
        `StepContext`. Each further one gets the input's value under its name; a single one that is
        a Struct, dataclass, TypedDict, attrs class or dict gets the whole input otherwise.

        Raises:
            InvalidInput: the name is bad or taken, or the function cannot be a handler.
        """
        is_short = isinstance(name, str) and len(name) <= MAX_NAME
        if not is_short or not DOTTED_NAME.fullmatch(name):
            raise InvalidInput(
                f"handler name: expected at most {MAX_NAME} characters, [A-Za-z0-9_-]+ joined by "
                f"dots, as in a definition's 'uses'; found {name!r:.200}"
            )

        def register(function: Function) -> Function:
            taken = self._handlers.get(name)
            if taken is not None:
                raise InvalidInput(
                    f"{name}: registered twice, as {where(taken.function)} "
                    f"and as {where(function)}; give one of them another name"
                )
            frame = inspect.currentframe()
            caller = frame.f_back if frame else None
            self._handlers[name] = Handler(name, function, caller.f_locals if caller else None)
            return function

        return register
