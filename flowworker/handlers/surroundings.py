"""What handlers reach beyond their step: the Go package's store, bus and locker."""

from __future__ import annotations

__all__ = ["Surroundings", "surroundings_of"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.compat.buses import EventBus
from flowworker.compat.locking import Locker
from flowworker.compat.opening import existing
from flowworker.compat.state import StateStore

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.ports import Backend
    from flowworker.settings import Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """For `get_state_store`, `get_event_bus`, and the locks of `acquire_lock`."""

    store: StateStore
    bus: EventBus
    locker: Locker


def surroundings_of(backend: Backend, settings: Settings, clock: Clock) -> Surroundings:
    """Those of the fleet itself."""
    opening = existing(backend)
    return Surroundings(
        StateStore(opening, settings, clock), EventBus(opening, clock), Locker(opening, clock)
    )
