"""The worker: takes step messages off its queues and executes them, until it is drained.

Drain: it takes no more, puts back what waits in hand, and waits for running handlers. Those that
are not done in time are cancelled, and their claims given back with a lease that is over, so that
another worker can go on at once. A plain function that cannot be stopped keeps its claim until the
lease runs out by itself, since until this process ends it still runs.
"""

from __future__ import annotations

__all__ = ["Worker"]

import asyncio
import os
import secrets
import socket
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from flowworker.errors import InvalidInput
from flowworker.handlers.surroundings import surroundings_of
from flowworker.settings import check_fit
from flowworker.telemetry.metrics import Metrics
from flowworker.worker.lifespan import Lifespan
from flowworker.worker.shift import Shift

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.handlers.app import App
    from flowworker.stores.stores import Stores
    from flowworker.worker.heartbeat_thread import HeartbeatThread


class Worker:
    """Runs handlers for the steps of some queues.

    Attributes:
        id: of this worker; no other process ever has it.
        running: whether it takes steps.
        around: what handlers reach beyond their step; the fleet's own unless set before the start.
    """

    def __init__(
        self,
        stores: Stores,
        app: App,
        clock: Clock,
        *,
        queues: tuple[str, ...] = ("default",),
        concurrency: int | None = None,
        worker_id: str = "",
        metrics: Metrics | None = None,
        make_thread: type[HeartbeatThread] | None = None,
    ) -> None:
        """Describe it; `start` begins.

        Args:
            stores: where steps come from and records live.
            app: its handlers.
            clock: tells the time.
            queues: whose steps it takes.
            concurrency: handlers that run at a time; the settings' if None.
            worker_id: unique for all time; made up if empty.
            metrics: where it counts; in a registry of its own if None.
            make_thread: what keeps its claims alive; a thread of its own if None.

        Raises:
            InvalidInput: no queue, no slot, or settings that the server's limits contradict.
        """
        settings = stores.settings
        check_fit(settings, stores.backend.max_body)
        self._slots = settings.concurrency if concurrency is None else concurrency
        if self._slots < 1 or not queues:
            found = f"{len(queues)} queues, concurrency {self._slots}"
            raise InvalidInput(f"worker: expected at least one of each, found {found}")
        self.id = worker_id or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.running = False
        self._stores = stores
        self._app = app
        self._clock = clock
        self._queues = tuple(dict.fromkeys(queues))
        self._metrics = metrics or Metrics(CollectorRegistry())
        self._make_thread = make_thread
        self.around = surroundings_of(stores, clock)
        self._lifespan = Lifespan(app)
        self._shift: Shift | None = None
        self._draining = False
        self._ended = asyncio.Event()

    @property
    def last_activity(self) -> float:
        """When it last took or ended a step, by the clock's `monotonic`; 0 before the start."""
        return 0.0 if self._shift is None else self._shift.last_activity

    @property
    def free_slots(self) -> int:
        """How many more attempts it would take at once; 0 before the start and after the end."""
        return self._shift.free_slots if self.running and self._shift is not None else 0

    async def start(self) -> None:
        """Take steps from now on; once.

        Raises:
            InvalidInput: a handler's annotations cannot be found, or its App's lifespan failed.
        """
        for handler in self._app.handlers.values():
            handler.resolve()
        await self._lifespan.enter()
        shift = self._shift = Shift(
            self.id,
            self._stores,
            self._lifespan,
            self._clock,
            self._slots,
            self._metrics,
            self.around,
            make_thread=self._make_thread,
        )
        try:
            await shift.open(self._queues)
        except BaseException:
            await shift.close()
            await self._lifespan.leave()
            raise
        self.running = True

    async def run(self) -> None:
        """Start if need be, and return when it has been drained."""
        if self._shift is None:
            await self.start()
        await self._ended.wait()

    async def drain(self) -> None:
        """End in order, within the settings' `drain` and a few seconds; harmless if it has."""
        self.running = False
        if self._shift is None:
            self._ended.set()
        elif not self._draining:
            self._draining = True
            try:
                await self._shift.close()
                await self._lifespan.leave()
            finally:
                self._ended.set()
        await self._ended.wait()
