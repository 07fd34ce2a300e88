"""A worker at work: everything that exists between its start and the end of its drain."""

from __future__ import annotations

__all__ = ["HANDLER_THREADS", "PARTING", "Shift"]

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flowworker.codec.json import UNREADABLE
from flowworker.codec.messages import decode_cancel
from flowworker.codec.subjects import cancel_subject
from flowworker.handlers.context import StepServices
from flowworker.handlers.emitting import Emitter
from flowworker.telemetry.log import get_logger
from flowworker.worker.claims import Claims
from flowworker.worker.executor import Executor
from flowworker.worker.heartbeat import Heartbeats
from flowworker.worker.inflight import InflightAttempts
from flowworker.worker.lag import LagProbe
from flowworker.worker.lanes import Lanes
from flowworker.worker.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

    from flowworker.clock import Clock
    from flowworker.handlers.surroundings import Surroundings
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics
    from flowworker.worker.heartbeat_thread import HeartbeatThread
    from flowworker.worker.lifespan import Lifespan

HANDLER_THREADS = "flowworker-handler"
"""How the names of threads begin in which plain functions run."""

PARTING = 3.0
"""Seconds that cancelled handlers get, on top of the drain, to clean up and be given back."""


class Shift:
    """Slots, lanes and heartbeats of one worker, on the running event loop."""

    def __init__(
        self,
        worker: str,
        stores: Stores,
        lifespan: Lifespan,
        clock: Clock,
        slots: int,
        metrics: Metrics,
        around: Surroundings,
        *,
        make_thread: type[HeartbeatThread] | None = None,
    ) -> None:
        """Compose the parts; `open` begins."""
        self.last_activity = clock.monotonic()
        backend, settings = stores.backend, stores.settings
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._log = log = get_logger()
        self._loop = loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubscribe: Callable[[], object] | None = None
        probe = LagProbe(loop, clock, self._blame, metrics.loop_lag, log)
        heartbeats = Heartbeats(
            backend.open_heartbeat, clock, settings.lease, probe, log, make_thread
        )
        claims = Claims(
            backend.namespace,
            stores.runs,
            backend.events,
            clock,
            settings.lease,
            worker,
        )
        emitter = Emitter(backend, clock, settings.lease / 3)
        self._attempts = InflightAttempts(claims, heartbeats, clock, settings.lease, log)
        self._bench = Workbench(
            worker=worker,
            app=lifespan.app,
            settings=settings,
            clock=clock,
            claims=claims,
            payloads=stores.payloads,
            heartbeats=heartbeats,
            services=StepServices(
                emitter, backend.leases, clock, log, loop, lifespan.runtime_of, around
            ),
            pool=ThreadPoolExecutor(slots, HANDLER_THREADS),
            metrics=metrics,
            log=log,
        )
        self._executor = Executor(self._bench, self._attempts)
        self._lanes = Lanes(slots, clock, self._start, self._refuse)

    @property
    def free_slots(self) -> int:
        """How many more attempts can begin."""
        return self._lanes.slots

    async def open(self, queues: tuple[str, ...]) -> None:
        """Take steps of these queues from now on."""
        self._unsubscribe = await self._backend.notifier.subscribe(
            cancel_subject(self._backend.namespace, "*"), self._on_notice
        )
        await self._lanes.open(self._backend.steps, queues)

    async def close(self) -> None:
        """Drain, then let go of everything."""
        await self._lanes.close()
        await self._quiet(self._settings.drain)
        if self._tasks:
            self._attempts.drain()
            await self._quiet(PARTING)
        if self._tasks:
            names = self._attempts.blame(None)
            self._log.warning("handlers ignore their cancellation", handlers=names)
        if self._unsubscribe is not None:
            self._unsubscribe()
        await self._attempts.close()
        await self._bench.heartbeats.stop()
        self._bench.pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, delivery: Delivery) -> None:
        self._do(self._execute(delivery))

    def _refuse(self, delivery: Delivery) -> None:
        self._metrics.put_back.inc()
        self._do(self._put_back(delivery))

    def _do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _execute(self, delivery: Delivery) -> None:
        self.last_activity = self._clock.monotonic()
        self._metrics.running.inc()
        thread: Future[Any] | None = None
        try:
            thread = await self._executor.execute(delivery)
        finally:
            self.last_activity = self._clock.monotonic()
            if thread is None:
                self._free()
            else:
                thread.add_done_callback(self._free_later)

    async def _put_back(self, delivery: Delivery) -> None:
        with suppress(Exception):  # then it comes back by itself
            await delivery.nak()

    def _free_later(self, _: Future[Any]) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._free)

    def _free(self) -> None:
        self._metrics.running.dec()
        self._lanes.free()

    def _on_notice(self, subject: str, data: bytes) -> None:
        try:
            notice = decode_cancel(data or b"{}")
        except UNREADABLE as error:
            self._log.warning("not a cancel notice", subject=subject, error=str(error))
            return
        self._attempts.cancel(subject.rpartition(".")[2], notice.step)

    def _blame(self, task: asyncio.Task[object] | None) -> list[str]:
        return self._attempts.blame(task)

    async def _quiet(self, seconds: float) -> None:
        """Wait until nothing is under way, at most so long."""
        timer = self._loop.create_task(self._clock.sleep(seconds))
        while self._tasks and not timer.done():
            await asyncio.wait({*self._tasks, timer}, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
