"""A standing pull with credit: how messages come to us, and what happens when they do not.

Why it makes progress: a request lives for 5 s at most, and the server sends a heartbeat every
1.5 s while one is open. A supervisor requests anew when none comes, when the server refuses, or
when a request outlives its time because the status that ended it was lost; it has the consumer
recreated if it is gone, and never ends before `stop`.
"""

from __future__ import annotations

__all__ = ["PullConsumer"]

import asyncio
import contextlib
from typing import TYPE_CHECKING

from flowworker.errors import FlowworkerError, TopologyMismatch, Unavailable
from flowworker.jetstream.client.api import is_passing
from flowworker.jetstream.consuming.liveness import Liveness
from flowworker.jetstream.consuming.pull_requests import PullRequests
from flowworker.ports import Incident
from flowworker.tasks import TaskSet
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.clock import Clock
    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.consuming.delivery import Naming
    from flowworker.jetstream.topology.specs import ConsumerSpec
    from flowworker.ports import OnDelivery

TICK = 0.5
"""Seconds between two looks of the supervisor."""
SILENT_TICKS = 7
"""Ticks without a message after which the server is thought not to know our requests: more than two
heartbeats. Ticks, not seconds, so that a blocked event loop is not mistaken for silence."""
MAX_PAUSE = 3
"""Ticks between two attempts to recover; more if only a person can repair the consumer."""
MAX_UNFIT_PAUSE = 60


class PullConsumer:
    """Implements `ports.Consumer` over a durable pull consumer."""

    def __init__(
        self,
        connection: Connection,
        spec: ConsumerSpec,
        naming: Naming,
        on_delivery: OnDelivery,
        ensure: Callable[[ConsumerSpec], Awaitable[None]],
        clock: Clock,
    ) -> None:
        """Request nothing yet; call `start`, then `grant`."""
        self._connection = connection
        self._spec = spec
        self._ensure = ensure
        self._name = spec.name
        self._liveness = Liveness(clock)
        self._requests = PullRequests(connection, spec, naming, on_delivery, self._liveness)
        self._unfit = False
        self._stopped = False
        self._tasks = TaskSet()
        self._checking: asyncio.Task[None] | None = None

    @property
    def last_activity(self) -> float:
        """When the consumer last got something, in the clock's monotonic time."""
        return self._liveness.last

    @property
    def stopped(self) -> bool:
        """Whether it has ended."""
        return self._stopped

    async def start(self) -> None:
        """Create the consumer unless it exists, and supervise its requests.

        A server that does not answer, as while a cluster elects, is asked again by the supervisor.
        """
        try:
            await self._ensure(self._spec)
        except Unavailable as error:
            if not is_passing(error):
                raise
            self._requests.paused = True
            get_logger().warning(
                "a consumer is not usable yet", consumer=self._name, error=str(error)
            )
        self._connection.on_reconnected.append(self._renew)
        self._tasks.spawn(self._supervise(), f"nats-pull-{self._name}")

    def grant(self, credit: int) -> None:
        """Be ready for that many more."""
        self._requests.grant(credit)

    async def stop(self) -> None:
        """Request no more. What is on its way goes back."""
        if self._stopped:
            return
        self._stopped = self._requests.paused = True
        self._connection.on_reconnected.remove(self._renew)
        self._tasks.cancel()
        self._requests.abandon()
        await self._tasks.close()
        with contextlib.suppress(Unavailable):
            await self._connection.flush()  # what the server sent before it knew is here now
        self._requests.forget_abandoned()

    def _renew(self) -> None:
        """After a reconnection the server does not know earlier requests: make new ones."""
        self._requests.abandon()
        self._requests.paused = self._unfit
        self._requests.ask_soon()

    async def _supervise(self) -> None:
        silent, pause, failures = 0, 0, 0
        requests = self._requests
        while True:
            await asyncio.sleep(TICK)
            if not self._connection.connected:
                silent = 0
                continue
            silent = silent + 1 if self._liveness.tick(idle=requests.idle) else 0
            if silent >= SILENT_TICKS:
                get_logger().warning(
                    "the server is silent; requesting messages again", consumer=self._name
                )
                self._connection.report(Incident.PULL_RENEWED)
                requests.abandon()
                requests.paused = True
                silent = 0
            requests.end_overdue()
            if not requests.paused:
                failures = 0
                requests.ask_soon()
            elif (pause := pause - 1) <= 0:
                failures += 1
                pause = min(failures, MAX_UNFIT_PAUSE if self._unfit else MAX_PAUSE)
                self._recover()

    def _recover(self) -> None:
        """Request again, and check meanwhile whether the consumer exists, which may take long."""
        if self._checking is None or self._checking.done():
            self._checking = self._tasks.spawn(self._check(), f"nats-pull-{self._name}-check")
        if not self._unfit:
            self._requests.paused = False
            self._requests.ask_soon()

    async def _check(self) -> None:
        try:
            await self._ensure(self._spec)
            self._unfit = False
        except TopologyMismatch as error:
            self._unfit = self._requests.paused = True
            self._requests.abandon()
            get_logger().error(
                "a consumer is not what it must be", consumer=self._name, error=str(error)
            )
        except FlowworkerError as error:
            get_logger().warning("a consumer is not usable", consumer=self._name, error=str(error))
