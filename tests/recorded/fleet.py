"""The small fleet whose messages are recorded: in this process, under names that stay the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest.mock import patch

from prometheus_client import CollectorRegistry

from flowworker import App, Settings, wiring
from flowworker.clock import Clock, SystemClock
from flowworker.coordinator import Coordinator
from flowworker.ports import Backend
from flowworker.presence import present
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.worker import Worker

SETTINGS = Settings(
    lease=2.0,
    partition_lease=10.0,
    short_delay=0.5,
    sweep=2.0,
    drain=0.1,
    inline_limit=512,
    message_limit=1024,
)
"""Short times, so that what takes long happens soon; low limits, so that files are small."""


def worker(
    backend: Backend, name: str, app: App, *queues: str, clock: Clock | None = None
) -> Worker:
    stores = stores_of(backend, SETTINGS)
    return Worker(stores, app, clock or SystemClock(), queues=queues, worker_id=name)


def coordinator(
    backend: Backend, name: str, clock: Clock | None = None, settings: Settings = SETTINGS
) -> Coordinator:
    metrics = Metrics(CollectorRegistry())
    return Coordinator(stores_of(backend, settings), clock or SystemClock(), name, metrics)


@asynccontextmanager
async def at_work(url: str, name: str, app: App, queue: str) -> AsyncIterator[Worker]:
    """A worker with a connection of its own, for the time of the context."""
    async with wiring.nats(url, settings=SETTINGS) as backend:
        running = worker(backend, name, app, queue)
        await running.start()
        try:
            yield running
        finally:
            await running.drain()


@asynccontextmanager
async def fleet(url: str, app: App, namespace: str = "flowworker") -> AsyncIterator[None]:
    """A coordinator, and a worker of the queue `default`."""
    async with wiring.nats(url, namespace, settings=SETTINGS) as backend:
        coordinating = coordinator(backend, "coordinator-1")
        working = worker(backend, "worker-1", app, "default")
        await coordinating.start()
        await working.start()
        try:
            with patch("socket.gethostname", return_value="host"):
                async with present(backend.presences, SystemClock(), coordinating, working):
                    yield
        finally:
            await working.drain()
            await coordinating.stop()
