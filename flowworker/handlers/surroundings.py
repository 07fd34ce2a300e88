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
    from flowworker.stores.stores import Stores


@dataclass(frozen=True, slots=True)
class Surroundings:
    """For `get_state_store`, `get_event_bus`, and the locks of `acquire_lock`."""

    store: StateStore
    bus: EventBus
    locker: Locker


def surroundings_of(stores: Stores, clock: Clock) -> Surroundings:
    """Those of the fleet itself."""
    opening = existing(stores)
    return Surroundings(
        StateStore(opening, stores.settings, clock),
        EventBus(opening, clock),
        Locker(opening, clock),
    )
