"""The worker: takes step messages off its queues and executes them, until it is drained.

Drain: it takes no more, puts back what has not begun, and waits for running handlers. Those that
do not end in time are cancelled, and their claims given back with a lease that has ended, so that
another worker can go on at once. A plain function that cannot be stopped keeps its claim until the
lease ends by itself, because it may run until this process ends.
"""

from __future__ import annotations

__all__ = ["CANCEL_GRACE", "HANDLER_THREADS", "Worker"]

import asyncio
import os
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from flowworker.codec.json import UNREADABLE
from flowworker.codec.messages import decode_cancel
from flowworker.codec.presence import Presence
from flowworker.codec.subjects import cancel_subject
from flowworker.compat.buses import EventBus
from flowworker.compat.locking import Locker
from flowworker.compat.opening import existing
from flowworker.compat.state import StateStore
from flowworker.core.ids import RESERVED_QUEUES
from flowworker.errors import InvalidInput
from flowworker.handlers.emitting import Emitter
from flowworker.settings import check_fit
from flowworker.tasks import TaskSet
from flowworker.telemetry.log import get_logger
from flowworker.telemetry.metrics import Metrics
from flowworker.telemetry.tracing import NO_TRACING
from flowworker.worker.executor import Executor
from flowworker.worker.heartbeat import Heartbeats
from flowworker.worker.heartbeat_thread import HeartbeatThread
from flowworker.worker.inflight import InflightAttempts
from flowworker.worker.lag import LagProbe
from flowworker.worker.lanes import Lanes
from flowworker.worker.lifespan import Lifespan
from flowworker.worker.resources import Resources
from flowworker.worker.step_records import StepRecords

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor as Threads
    from concurrent.futures import Future

    from flowworker.clock import Clock
    from flowworker.handlers.app import App
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.tracing import Tracing

HANDLER_THREADS = "flowworker-handler"
"""How the names of the threads begin in which plain functions run."""

CANCEL_GRACE = 3.0
"""Seconds that cancelled handlers get, on top of the drain, to clean up and be given back."""


class Worker:
    """Runs handlers for the steps of some queues.

    Attributes:
        id: of this worker; no other process ever has it.
        queues: whose steps it takes.
        running: whether it takes steps.
        last_activity: when it last took or ended a step, by the clock's `monotonic`; 0 before the
            start.
        resources: what its parts and its handlers share.
    """

    def __init__(  # noqa: PLR0913 - what a worker is made of
        self,
        stores: Stores,
        app: App,
        clock: Clock,
        *,
        queues: tuple[str, ...] = ("default",),
        worker_id: str = "",
        metrics: Metrics | None = None,
        tracing: Tracing = NO_TRACING,
        state_store: StateStore | None = None,
        event_bus: EventBus | None = None,
        make_thread: type[HeartbeatThread] = HeartbeatThread,
        threads: Threads | None = None,
    ) -> None:
        """Compose it; `start` begins.

        Args:
            stores: where steps come from and records live; the settings' `concurrency` is how many
                handlers run at a time.
            app: its handlers.
            clock: says what time it is.
            queues: whose steps it takes.
            worker_id: unique for all time; made up if empty.
            metrics: where it counts; in a registry of its own if None.
            tracing: what makes spans of its attempts.
            state_store: what handlers get as theirs; the backend's if None.
            event_bus: the same.
            make_thread: what renews its claims.
            threads: where plain functions run; in threads of its own, one per slot, if None.

        Raises:
            InvalidInput: no queue, one of a reserved name, or settings that the server's limits
                contradict.
        """
        backend, settings = stores.backend, stores.settings
        check_fit(settings, backend.max_body)
        if not queues:
            raise InvalidInput("worker: expected at least one queue, found none")
        if reserved := RESERVED_QUEUES.intersection(queues):
            name = min(reserved)
            raise InvalidInput(f"worker: {name!r} is no queue of workers; choose another name")
        self.id = worker_id or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.running = False
        self.last_activity = 0.0
        self._backend = backend
        self.queues = tuple(dict.fromkeys(queues))
        self._lifespan = Lifespan(app)
        opening = existing(stores)
        self.resources = resources = Resources(
            clock=clock,
            log=get_logger(),
            emitter=Emitter(backend, clock, settings.lease / 3, tracing),
            leases=backend.leases,
            locker=Locker(opening, clock),
            state_store=state_store or StateStore(opening, settings, clock),
            event_bus=event_bus or EventBus(opening, clock),
            runtime_of=self._lifespan.runtime_of,
            worker=self.id,
            namespace=backend.namespace,
            app=app,
            settings=settings,
            metrics=metrics or Metrics(CollectorRegistry()),
            tracing=tracing,
            runs=stores.runs,
            payloads=stores.payloads,
            events=backend.events,
            threads=threads or ThreadPoolExecutor(settings.concurrency, HANDLER_THREADS),
        )
        probe = LagProbe(clock, self._running_handlers, resources.metrics.loop_lag, resources.log)
        self._heartbeats = Heartbeats(
            backend.open_heartbeat, clock, settings.lease, probe, resources.log, make_thread
        )
        records = StepRecords(resources)
        self._inflight = InflightAttempts(resources, records, self._heartbeats)
        self._executor = Executor(resources, records, self._heartbeats, self._inflight)
        self._lanes = Lanes(settings.concurrency, clock, self._take, self._refuse)
        self._tasks = TaskSet()
        self._unsubscribe: Callable[[], object] | None = None
        self._digests: dict[str, str] = {}
        self._started = False
        self._draining = False
        self._ended = asyncio.Event()

    @property
    def free_slots(self) -> int:
        """How many more attempts it would take at once; 0 before the start and after the end."""
        return self._lanes.free_slots if self.running else 0

    def presence(self) -> Presence | None:
        """What it serves and does at this moment, for people to see; None before it does."""
        if not (self.running or self._draining):
            return None
        settings = self.resources.settings
        slots = settings.concurrency
        return Presence(
            "worker",
            self.id,
            slots=slots,
            running=slots - self._lanes.free_slots,
            draining=self._draining,
            handlers=self._digests,
            hides=settings.redact,
        )

    async def run(self) -> None:
        """Start if need be, and return when it has been drained."""
        if not self._started:
            await self.start()
        await self._ended.wait()

    async def start(self) -> None:
        """Take steps from now on; once.

        Raises:
            InvalidInput: a handler's annotations cannot be found, or its App's lifespan failed.
        """
        for handler in self.resources.app.handlers.values():
            handler.resolve()
        self._digests = {name: one.digest for name, one in self.resources.app.handlers.items()}
        await self._lifespan.enter()
        self._started = True
        self.last_activity = self.resources.clock.monotonic()
        try:
            self._unsubscribe = await self._backend.notifier.subscribe(
                cancel_subject(self._backend.namespace, "*"), self._on_cancel
            )
            await self._lanes.open(self._backend, self.queues)
        except BaseException:
            await self._close()
            raise
        self.resources.metrics.slots.inc(self.resources.settings.concurrency)
        self.running = True

    async def drain(self) -> None:
        """End in order, within the settings' `drain` and a few seconds; harmless if it has."""
        self.running = False
        if not self._started:
            self._ended.set()
        elif not self._draining:
            self._draining = True
            try:
                await self._close()
            finally:
                self._ended.set()
        await self._ended.wait()

    async def _close(self) -> None:
        await self._lanes.close()
        clock = self.resources.clock
        if not await self._tasks.wait(self.resources.settings.drain, clock):
            self._inflight.drain()
            await self._tasks.wait(CANCEL_GRACE, clock)
        if self._tasks:
            handlers = self._inflight.running_handlers(None)
            self.resources.log.warning("handlers ignore their cancellation", handlers=handlers)
        if self._unsubscribe is not None:
            self._unsubscribe()
        await self._inflight.close()
        await self._heartbeats.stop()
        self.resources.threads.shutdown(wait=False, cancel_futures=True)
        await self._lifespan.leave()

    def _take(self, delivery: Delivery) -> None:
        self._tasks.spawn(self._execute(delivery))

    def _refuse(self, delivery: Delivery) -> None:
        self.resources.metrics.put_back.inc()
        self._tasks.spawn(self._put_back(delivery))

    async def _execute(self, delivery: Delivery) -> None:
        clock, running = self.resources.clock, self.resources.metrics.running
        self.last_activity = clock.monotonic()
        running.inc()
        thread: Future[Any] | None = None
        try:
            thread = await self._executor.execute(delivery)
        finally:
            self.last_activity = clock.monotonic()
            if thread is None:
                self._free_slot()
            else:
                loop = asyncio.get_running_loop()
                thread.add_done_callback(lambda _: self._free_slot_from_thread(loop))

    def _free_slot(self) -> None:
        self.resources.metrics.running.dec()
        self._lanes.free()

    def _free_slot_from_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._free_slot)

    async def _put_back(self, delivery: Delivery) -> None:
        with suppress(Exception):  # then it comes back by itself
            await delivery.nak()

    def _on_cancel(self, subject: str, data: bytes) -> None:
        try:
            notice = decode_cancel(data or b"{}")
        except UNREADABLE as error:
            self.resources.log.warning("not a cancel notice", subject=subject, error=str(error))
            return
        self._inflight.cancel(subject.rpartition(".")[2], notice.step)

    def _running_handlers(self, task: asyncio.Task[object] | None) -> list[str]:
        return self._inflight.running_handlers(task)
