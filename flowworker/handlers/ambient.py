"""The Go package's functions without a context argument: they find the run that calls them.

They work at any depth below a handler, its fallback or its compensation, in tasks that it starts
as well, and within `with_runner`. In a handler that is a plain function, which runs in a thread,
those that return an awaitable are for `ctx.run`: `ctx.run(emit("order.paid", {...}))`.
"""

from __future__ import annotations

__all__ = [
    "RunScope",
    "acquire_lock",
    "current_scope",
    "emit",
    "enter_scope",
    "get_event_bus",
    "get_state_store",
    "get_workflow_id",
    "leave_scope",
    "release_lock",
]

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Protocol

from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from flowworker.compat.buses import EventBus
    from flowworker.compat.state import StateStore


class RunScope(Protocol):
    """A run, as code that belongs to it sees it."""

    run_id: str

    async def emit(self, event_type: str, payload: Any = None, *, key: str = "") -> None:
        """Publish an event, once per run, queue, type and key."""
        ...

    async def acquire_lock(self, key: str, *, ttl: float, timeout: float) -> int:
        """Take a lock for the run; its fencing token."""
        ...

    async def release_lock(self, key: str) -> None:
        """Give up a lock of the run."""
        ...

    @property
    def state_store(self) -> StateStore:
        """The checkpoints of all executions."""
        ...

    @property
    def event_bus(self) -> EventBus:
        """Where events are published and subscribed to."""
        ...


_current: ContextVar[RunScope] = ContextVar("flowworker_run")


def current_scope() -> RunScope:
    """The run in which this is called, at any depth.

    Raises:
        InvalidInput: it is called in none.
    """
    found = _current.get(None)
    if found is None:
        raise InvalidInput("no step is running here; call it inside a handler")
    return found


def enter_scope(scope: RunScope) -> Token[RunScope]:
    """Make it the current one, for this task and those it starts."""
    return _current.set(scope)


def leave_scope(token: Token[RunScope]) -> None:
    """Go back to the one before."""
    _current.reset(token)


def emit(event_type: str, payload: Any = None, *, key: str = "") -> Coroutine[Any, Any, None]:
    """Publish an event, once per run, queue, type and key; see `StepContext.emit`."""
    return current_scope().emit(event_type, payload, key=key)


def acquire_lock(key: str, ttl: float, timeout: float = 0.0) -> Coroutine[Any, Any, int]:
    """Take a lock for the current run; its fencing token. See `StepContext.acquire_lock`.

    Raises:
        LockTimeoutError: it was not free within `timeout` seconds.
    """
    return current_scope().acquire_lock(key, ttl=ttl, timeout=timeout)


def release_lock(key: str) -> Coroutine[Any, Any, None]:
    """Give up a lock of the current run; nothing if it does not have it."""
    return current_scope().release_lock(key)


def get_workflow_id() -> str:
    """The current run's id."""
    return current_scope().run_id


def get_state_store() -> StateStore:
    """The store in which the current run is kept."""
    return current_scope().state_store


def get_event_bus() -> EventBus:
    """The bus on which the current run's events are published."""
    return current_scope().event_bus
