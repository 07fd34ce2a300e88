"""The three `Locker`s: what keeps the locks."""

from __future__ import annotations

__all__ = ["InMemLocker", "NATSLocker", "RedisLocker"]

from typing import TYPE_CHECKING, Any

from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.compat.locking import Locker
from flowworker.runner.backends.opening import memory_opening, nats_opening, redis_opening

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.jetstream import ConnectionOptions


class InMemLocker(Locker):
    """Locks among the owners of this process."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        """Start with all free."""
        super().__init__(memory_opening(clock), clock)


class NATSLocker(Locker):
    """Locks of a namespace on NATS, those that its fleet's handlers take."""

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


class RedisLocker(Locker):
    """Locks of a namespace on Redis or Valkey; takes the extra `redis`.

    They are as good as the server: a replica that is promoted may not know the latest.
    """

    def __init__(
        self,
        url: str = "redis://127.0.0.1:6379/0",
        *,
        namespace: str = DEFAULT_NAMESPACE,
        clock: Clock | None = None,
    ) -> None:
        """Connect when it is first used."""
        super().__init__(redis_opening(url, namespace, None, clock), clock)
