"""The two `EventBus`es: who hears of events."""

from __future__ import annotations

__all__ = ["InMemBus", "NATSBus"]

from typing import TYPE_CHECKING

from flowworker.backends.opening import memory_opening, nats_opening
from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.stores.buses import EventBus

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.jetstream import ConnectionOptions


class InMemBus(EventBus):
    """Events within this process."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        """Start without subscribers."""
        super().__init__(memory_opening(clock), clock)


class NATSBus(EventBus):
    """Events on NATS, those of a fleet's runs and handlers among them."""

    def __init__(
        self,
        url: str | ConnectionOptions | None = None,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        clock: Clock | None = None,
        create: bool = False,
    ) -> None:
        """Connect when it is first used; arguments as for `NATSStore`."""
        super().__init__(nats_opening(url, namespace, clock=clock, create=create), clock)
