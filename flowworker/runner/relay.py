"""Publishes events on a bus of the user's as well, in their order.

What handlers emit is published there before `emit` returns. The engine's events follow in the
background, since a slow bus must not delay the engine.
"""

from __future__ import annotations

__all__ = ["Relay"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.codec.subjects import public_prefix
from flowworker.errors import FlowworkerError
from flowworker.tasks import cancel_all
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.compat.buses import EventBus
    from flowworker.ports import Backend


class Relay:
    """Implements `ports.Notifier` by means of a backend's, and of a bus."""

    def __init__(self, backend: Backend, bus: EventBus) -> None:
        """Publish on both."""
        self._prefix = public_prefix(backend.namespace)
        self._notifier = backend.notifier
        self._bus = bus
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], object] | None = None

    async def start(self) -> None:
        """Relay the engine's events from now on."""
        self._unsubscribe = await self._notifier.subscribe(
            f"{self._prefix}workflow.>", lambda *event: self._queue.put_nowait(event)
        )
        self._task = asyncio.create_task(self._work(), name="relay")

    async def stop(self) -> None:
        """Publish what is queued, then stop."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self._task is not None:
            await self._queue.join()
            await cancel_all([self._task])
        self._task = self._unsubscribe = None

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish on both, and wait for both."""
        await self._notifier.publish(subject, data, headers)
        await self._bus.send(subject.removeprefix(self._prefix), data)

    async def subscribe(
        self,
        subject: str,
        on_message: Callable[[str, bytes], None],
        on_lost: Callable[[], None] | None = None,
    ) -> Callable[[], object]:
        """Subscribe to the backend's notifier."""
        return await self._notifier.subscribe(subject, on_message, on_lost)

    async def _work(self) -> None:
        while True:
            subject, data = await self._queue.get()
            try:
                await self._bus.send(subject.removeprefix(self._prefix), data)
            except FlowworkerError as error:
                get_logger().warning("an event was not relayed", subject=subject, error=str(error))
            finally:
                self._queue.task_done()
