"""What the user registers: handlers by name."""

from __future__ import annotations

__all__ = ["App", "Middleware", "StepHandler", "StepResult"]

import inspect
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from flowworker.core.ids import DOTTED_NAME, MAX_NAME
from flowworker.errors import InvalidInput
from flowworker.handlers.handler import Handler
from flowworker.handlers.signature import where

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

StepResult: TypeAlias = Any
"""What a handler returns, and a step puts out: a value that is JSON, or becomes it."""

StepHandler: TypeAlias = Callable[..., StepResult | Awaitable[StepResult]]
"""A plain or async function of a `StepContext`, and of typed arguments if it likes."""

Function = TypeVar("Function", bound=Callable[..., Any])


Middleware: TypeAlias = Callable[..., Awaitable[StepResult]]
"""An async function of a `StepContext` and of `call_next`, which calls what is further in."""

Around = TypeVar("Around", bound=Middleware)


class App:
    """The handlers of a worker. Fallbacks and compensations are handlers like any other.

    Attributes:
        runtime: whatever handlers need, reachable as `ctx.runtime`: connections, settings.
        lifespan: makes the async context manager whose value is `ctx.runtime` instead, once per
            worker: each has its own, also if two of one process share the App.
    """

    def __init__(
        self,
        runtime: Any = None,
        *,
        lifespan: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
    ) -> None:
        """Start without handlers.

        Raises:
            InvalidInput: both a runtime and a lifespan, which would replace it.
        """
        if runtime is not None and lifespan is not None:
            raise InvalidInput("App: expected a runtime or a lifespan that makes it, found both")
        self.runtime = runtime
        self.lifespan = lifespan
        self._handlers: dict[str, Handler] = {}
        self._included: list[App] = []
        self._owners: dict[str, App] = {}
        self._middleware: list[Middleware] = []

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by name, read-only."""
        return MappingProxyType(self._handlers)

    def step(
        self, name: str, *, heartbeat_timeout: float | None = None
    ) -> Callable[[Function], Function]:
        """Register a function as the handler that `uses: <name>` means.

        `async def` runs on the event loop, plain `def` in a thread. The first parameter is the
        `StepContext`. Each further one gets the input's value under its name; a single one that is
        a Struct, dataclass, TypedDict, attrs class, pydantic model or dict gets the whole input
        otherwise.

        Args:
            name: joined by dots, as in a definition.
            heartbeat_timeout: seconds after which an attempt that calls `ctx.heartbeat()` no more
                fails as `HeartbeatTimeout`; None to wait for as long as it takes.

        Raises:
            InvalidInput: the name is bad or taken, or the function cannot be a handler.
        """
        given: object = name
        if inspect.isfunction(given):
            raise InvalidInput(
                f"@app.step: expected the handler's name, as in a definition's 'uses'; found no "
                f'more than {where(given)}; write @app.step("{given.__name__}")'
            )
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
            scope = caller.f_locals if caller else None
            self._handlers[name] = Handler(name, function, scope, heartbeat_timeout)
            return function

        return register

    def middleware(self, function: Around) -> Around:
        """Call `function(ctx, call_next)` around every attempt; the first one is the outermost.

        It is async, whatever the handler is: `return await call_next()` goes on.

        Raises:
            InvalidInput: it is not async.
        """
        is_async: bool = inspect.iscoroutinefunction(function)
        if not is_async:
            raise InvalidInput(f"middleware: {where(function)} is not an async function")
        self._middleware.append(function)
        return function

    def include(self, other: App) -> None:
        """Take the handlers of another App, with its middleware, runtime and lifespan.

        Raises:
            InvalidInput: both have a handler of one name.
        """
        for name, handler in other.handlers.items():
            if (taken := self._handlers.get(name)) is not None:
                raise InvalidInput(
                    f"{name}: registered twice, as {where(taken.function)} "
                    f"and as {where(handler.function)}; give one of them another name"
                )
        self._included.append(other)
        self._handlers.update(other.handlers)
        self._owners.update(dict.fromkeys(other.handlers, other))

    def parts(self) -> list[App]:
        """This one and all that it includes, each once."""
        found = [self]
        for other in self._included:
            found += [part for part in other.parts() if part not in found]
        return found

    def middleware_of(self, name: str) -> tuple[Middleware, ...]:
        """What is called around a handler, the outermost first."""
        owner = self._owners.get(name)
        return (*self._middleware, *(() if owner is None else owner.middleware_of(name)))

    def runtime_of(self, name: str, opened: Mapping[App, Any]) -> Any:
        """What a handler gets as `ctx.runtime`: that of its own App, or else of ours.

        Args:
            name: of the handler.
            opened: what lifespans have opened for the worker that asks.
        """
        owner = self._owners.get(name)
        own = None if owner is None else owner.runtime_of(name, opened)
        return opened.get(self, self.runtime) if own is None else own
