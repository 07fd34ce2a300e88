"""The two `EventBus`es: in this process, and on NATS."""

from __future__ import annotations

__all__ = ["InMemBus", "NATSBus"]

from typing import TYPE_CHECKING, Any

from flowworker.compat.buses import EventBus
from flowworker.runner.backends.opening import memory_opening, nats_opening

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
        namespace: str | None = None,
        clock: Clock | None = None,
        create: bool = False,
        **options: Any,
    ) -> None:
        """Connect when it is first used; arguments as for `NATSStore`."""
        opening = nats_opening(url, namespace, clock=clock, create=create, **options)
        super().__init__(opening, clock)
