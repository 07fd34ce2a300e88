"""The engine of a test: coordinator, worker and client in memory, on a loop whose time jumps.

There are no other processes, so nothing has to be renewed or looked after now and then: leases
last for longer than anything that a definition can say. So a week of waiting is one jump.
"""

from __future__ import annotations

__all__ = ["Engine"]

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from msgspec import structs
from prometheus_client import CollectorRegistry

from flowworker.client import Client
from flowworker.core.model import MAX_SECONDS
from flowworker.errors import Standstill
from flowworker.memory import memory_backend
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.wiring import make_coordinator
from flowworker.worker import Worker
from flowworker.worker.heartbeat_thread import HeartbeatThread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.ports import StepAddress, StepPlace, StepQueue
    from flowworker.testing.app import TriedApp
    from flowworker.testing.loop import JumpingLoop

T = TypeVar("T")

QUEUE = "default"
"""Where the steps of all queues go: there is one worker."""

_AT_ONCE = 1e-3
"""Seconds: no other worker may have a handler, and the end of a test waits for none."""

MAX_JUMPS = 200_000
"""Jumps in time, one after the other, in which no handler begins or ends."""


class LoopClock:
    """The `Clock` port on a loop whose time jumps."""

    def __init__(self, loop: JumpingLoop, epoch: float) -> None:
        """Begin at `epoch`, seconds since the Unix epoch."""
        self._loop = loop
        self._epoch = epoch

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return self._epoch + self._loop.moment

    def monotonic(self) -> float:
        """Seconds since the test began."""
        return self._loop.moment

    async def sleep(self, seconds: float) -> None:
        """Wait for the loop's time."""
        await asyncio.sleep(max(seconds, 0.0))


class Engine:
    """Everything that runs workflows, within one test.

    Attributes:
        clock: of everything in it.
        stores: where everything is.
        client: to look at runs and to act on them.
        app: its handlers.
    """

    def __init__(
        self, loop: JumpingLoop, app: TriedApp, epoch: float, settings: Settings | None
    ) -> None:
        """Assemble; `start` begins."""
        self.app = app
        self.clock = LoopClock(loop, epoch)
        self._loop = loop
        chosen = structs.replace(
            settings or Settings(retention=MAX_SECONDS),
            lease=MAX_SECONDS,
            partition_lease=MAX_SECONDS,
            sweep=MAX_SECONDS,
            drain=_AT_ONCE,
            handler_grace=_AT_ONCE,
        )
        backend = memory_backend(settings=chosen, clock=self.clock, partitions=1)
        backend = replace(backend, steps=_OneQueue(backend.steps))
        self.stores = stores_of(backend, chosen)
        self.client = Client(self.stores, self.clock)
        metrics = Metrics(CollectorRegistry())
        self._coordinator = make_coordinator(self.stores, metrics, self.clock)
        self._worker = Worker(
            self.stores,
            app,
            self.clock,
            queues=(QUEUE,),
            worker_id="test",
            metrics=metrics,
            make_thread=_NoHeartbeat,
            threads=loop.threads,
        )

    async def start(self) -> None:
        """Open what handlers need, and run what comes."""
        await self._coordinator.start()
        await self._worker.start()

    async def stop(self) -> None:
        """Cancel handlers that run, and close what was opened for them."""
        if self._loop.given_up:
            for task in self._loop.acting:
                task.cancel()
        await self._worker.drain()
        await self._coordinator.stop()
        self.client.close()
        await self.stores.backend.close()

    async def settle(self) -> float | None:
        """Let everything happen that can happen without time passing; as `JumpingLoop.quiet`."""
        try:
            return await self._loop.quiet()
        except Standstill as error:
            raise Standstill(f"{error}; {self.running()}") from None

    async def until(
        self, holds: Callable[[], Awaitable[bool]], why_not: Callable[[], Awaitable[str]]
    ) -> None:
        """Let time pass until that holds, which is asked whenever nothing more happens at a moment.

        Raises:
            Standstill: it never will; says why not.
        """
        since, ended, jumps = self._loop.moment, self.app.ended, 0
        while True:
            pause = await self.settle()
            if await holds():
                return
            if self.app.ended != ended:
                since, ended, jumps = self._loop.moment, self.app.ended, 0
            jumps += 1
            # Nothing that a definition says takes longer than that.
            if pause is None or self._loop.moment + pause > since + MAX_SECONDS:
                raise Standstill(f"nothing can happen any more; {await why_not()}")
            if jumps > MAX_JUMPS:
                but = f"{jumps:,} times nothing happened but that time passed"
                raise Standstill(f"{but}; {await why_not()}")
            self._loop.moment += pause

    async def advance(self, seconds: float) -> None:
        """Let that much time pass, and all happen that happens meanwhile."""
        end = self._loop.moment + seconds
        while (pause := await self.settle()) is not None:
            if self._loop.moment + pause > end:
                break
            self._loop.moment += pause
        self._loop.moment = end
        await self.settle()

    def running(self) -> str:
        """Which handlers run."""
        calls = [
            f"{call.handler} (step {call.step_id} of {call.run_id})" for call in self.app.running
        ]
        return f"handlers that run: {', '.join(calls) or 'none'}"


class _NoHeartbeat(HeartbeatThread):
    """Claims last long enough without."""

    def _begin(self) -> None:
        self._ended.set()


class _OneQueue:
    """The `StepQueue` port with the steps of all queues in one, whatever these are called."""

    def __init__(self, steps: StepQueue) -> None:
        self._steps = steps
        self.backlog = steps.backlog
        self.consume = steps.consume
        self.drop = steps.drop
        self.withdraw = steps.withdraw

    async def enqueue(
        self, address: StepAddress, data: bytes, message_id: str, due: float = 0.0
    ) -> None:
        await self._steps.enqueue(replace(address, queue=QUEUE), data, message_id, due)

    async def queued(self, address: StepAddress) -> list[bytes]:
        return await self._steps.queued(replace(address, queue=QUEUE))

    async def places(self, address: StepAddress) -> list[StepPlace]:
        return await self._steps.places(replace(address, queue=QUEUE))
