"""The engine of a runner: what it is made of while it runs."""

from __future__ import annotations

__all__ = ["Engine"]

from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs
from prometheus_client import CollectorRegistry

from flowworker.client import Client
from flowworker.codec.cloudevents import decode_event
from flowworker.codec.json import UNREADABLE
from flowworker.codec.subjects import event_subject
from flowworker.core.event_types import ENDS, EventType
from flowworker.core.ids import COORDINATOR
from flowworker.presence import present
from flowworker.runner.backends.opening import open_memory
from flowworker.runner.relay import Relay
from flowworker.telemetry.exporting import application_tracing
from flowworker.telemetry.metrics import Metrics
from flowworker.wiring import make_coordinator, make_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.compat.buses import EventBus
    from flowworker.compat.state import StateStore
    from flowworker.handlers import App
    from flowworker.ports import Leases, Notifier
    from flowworker.settings import Settings
    from flowworker.stores.stores import Stores

_NO_GRACE = 1e-3
"""Seconds to wait for another worker that has a handler, where there are no others."""


class Engine:
    """A coordinator, a worker and a client on one backend.

    On a store whose queues are this process' own, the runner drives all partitions of its queues
    by itself, and goes on with no runs but those that it started or resumed: other processes may
    keep theirs in the same store.

    Attributes:
        own: active runs that were started or resumed here.
    """

    def __init__(
        self,
        stores: Stores,
        app: App,
        store: StateStore,
        bus: EventBus | None,
        own_bus: EventBus,
        locks: Leases,
    ) -> None:
        """Assemble; `start` begins. With a `bus`, events are published there as well.

        `own_bus` is what handlers get, and `locks` what keeps their locks.
        """
        clock = store.clock
        stores = replace(stores, settings=_settings_of(store))
        backend, settings = stores.backend, stores.settings
        metrics = Metrics(CollectorRegistry())
        tracing = application_tracing(backend.namespace)
        self.own: set[str] = set()
        self._parents: dict[str, str] = {}
        self.backend = backend
        self.stores = stores
        self.client = Client(stores, clock)
        self._relay = None if bus is None else Relay(backend, bus)
        self._forget: list[Callable[[], object]] = []
        self._clock = clock
        self._shown = AsyncExitStack()
        notifier: Notifier = self._relay or backend.notifier
        served = replace(stores, backend=replace(backend, leases=locks, notifier=notifier))
        self.worker = make_worker(
            served,
            app,
            metrics,
            clock=clock,
            state_store=store,
            event_bus=own_bus,
            tracing=tracing,
        )
        # Alone: the partitions' leases are this process' own, also on a store that others use.
        self._alone = None if store.shared else open_memory(settings=settings, clock=clock)
        driven, adopts = stores, None
        if self._alone is not None:
            driven = replace(stores, backend=replace(backend, leases=self._alone.leases))
            adopts = self._adopts
        self.coordinator = make_coordinator(driven, metrics, clock, adopts, tracing)

    async def start(self) -> None:
        """Run what is there, and what comes."""
        if self._relay is not None:
            await self._relay.start()
        started = event_subject(self.backend.namespace, "*", "*", COORDINATOR, EventType.STARTED)
        self._forget.append(await self.backend.notifier.subscribe(started, self._on_started))
        for end in ENDS:
            subject = event_subject(self.backend.namespace, "*", "*", COORDINATOR, end)
            self._forget.append(await self.backend.notifier.subscribe(subject, self._on_end))
        await self.coordinator.start()
        await self.worker.start()
        if self._alone is None:
            members = self.coordinator, self.worker
            shown = present(self.backend.presences, self._clock, *members)
            await self._shown.enter_async_context(shown)

    async def stop(self) -> None:
        """Wait for handlers that run, then stop. Active runs are left as they are."""
        try:
            await self.worker.drain()
            await self.coordinator.stop()
            await self._shown.aclose()
        finally:
            for unsubscribe in self._forget:
                unsubscribe()
            self.client.close()
            if self._relay is not None:
                await self._relay.stop()
            if self._alone is not None:
                await self._alone.close()

    async def resume(self, run: str, clock: Clock, settings: Settings) -> None:
        """Have a run that was interrupted driven, by this process if no other one does.

        A coordinator that died keeps its partitions for as long as their leases last.
        """
        self.own.add(run)
        until = clock.monotonic() + 2 * settings.partition_lease
        while not self.coordinator.resume(run) and clock.monotonic() < until:
            await clock.sleep(min(0.1, settings.partition_lease / 10))

    def _on_started(self, _subject: str, data: bytes) -> None:
        with suppress(*UNREADABLE):
            event = decode_event(data).data
            if event.parent is not None:
                self._parents[event.id] = event.parent.run

    def _adopts(self, run: str) -> bool:
        """Whether it was started or resumed here, or is a child of one that was."""
        while run not in self.own and run in self._parents:
            run = self._parents[run]
        return run in self.own

    def _on_end(self, subject: str, _data: bytes) -> None:
        # <ns>.event.<partition>.<run>.<sender>.workflow.<end>
        run = subject.split(".", 4)[3]
        self.own.discard(run)
        self._parents.pop(run, None)


def _settings_of(store: StateStore) -> Settings:
    """Those of the store; without other workers a missing handler fails the attempt at once."""
    settings = store.settings
    if store.shared or settings.handler_grace is not None:
        return settings
    return structs.replace(settings, handler_grace=_NO_GRACE)
