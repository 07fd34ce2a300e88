"""The three `StateStore`s: what keeps the state."""

from __future__ import annotations

__all__ = ["InMemStore", "NATSStore", "RedisStore"]

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowworker.clock import SystemClock
from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.compat.opening import Opening
from flowworker.compat.state import StateStore
from flowworker.runner.backends.opening import nats_opening, open_memory, redis_opening
from flowworker.settings import Settings, settings_from
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.jetstream import ConnectionOptions, TopologyOptions
    from flowworker.stores.stores import Stores


class InMemStore(StateStore):
    """State in this object, for tests and for what need not outlive the process.

    `close` keeps the records and drops queues, events and timers: as if a process had died and its
    store had not.
    """

    def __init__(self, *, settings: Settings | None = None, clock: Clock | None = None) -> None:
        """Start empty."""
        settings, clock = settings or Settings(), clock or SystemClock()
        kept = open_memory(settings=settings, clock=clock)

        async def open_stores() -> Stores:
            anew = open_memory(settings=settings, clock=clock)
            backend = replace(
                anew,
                runs=kept.runs,
                definitions=kept.definitions,
                payloads=kept.payloads,
            )
            return stores_of(backend, settings)

        super().__init__(Opening(open_stores), settings, clock)


class NATSStore(StateStore):
    """State in the buckets of a fleet's namespace on NATS.

    A runner on it is a member of that fleet: when a process dies, others continue its runs.
    """

    shared = True

    def __init__(
        self,
        url: str | ConnectionOptions | None = None,
        *,
        namespace: str | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
        topology: TopologyOptions | None = None,
        create: bool = False,
        **options: Any,
    ) -> None:
        """Connect when it is first used.

        Args:
            url: of the server, or all connection options.
            namespace: the fleet's; one of its own keeps others from taking part.
            settings: as a fleet's.
            clock: None for the machine's.
            topology: how streams are created if they do not exist.
            create: the namespace's streams, if there are none, as `flowworker setup` does.
            options: further connection options, such as `creds`.

        What is not given is what the environment says, as for `flowworker.connect`.
        """
        settings = settings or settings_from(os.environ)
        how = {"clock": clock, "topology": topology, "create": create}
        opening = nats_opening(url, namespace, settings=settings, member=True, **how, **options)
        super().__init__(opening, settings, clock)


class RedisStore(StateStore):
    """State on a Redis or Valkey server; takes the extra `redis`.

    Several processes may use one namespace. Each goes on with the executions that it started or
    resumed, and with no others.
    """

    def __init__(
        self,
        url: str = "redis://127.0.0.1:6379/0",
        *,
        namespace: str = DEFAULT_NAMESPACE,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Connect when it is first used."""
        super().__init__(redis_opening(url, namespace, settings, clock), settings, clock)
