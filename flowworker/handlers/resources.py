"""What the handlers of one worker share, and reach through their context."""

from __future__ import annotations

__all__ = ["HandlerResources"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from flowworker.clock import Clock
    from flowworker.compat.buses import EventBus
    from flowworker.compat.locking import Locker
    from flowworker.compat.state import StateStore
    from flowworker.handlers.emitting import Emitter
    from flowworker.ports import Leases


@dataclass(frozen=True, slots=True)
class HandlerResources:
    """Built once per worker.

    Attributes:
        runtime_of: `ctx.runtime` of a handler, by its name.
        locker: for `ctx.acquire_lock`, which outlives the step; `ctx.lock` uses `leases`.
    """

    clock: Clock
    log: FilteringBoundLogger
    emitter: Emitter
    leases: Leases
    locker: Locker
    state_store: StateStore
    event_bus: EventBus
    runtime_of: Callable[[str], Any]
