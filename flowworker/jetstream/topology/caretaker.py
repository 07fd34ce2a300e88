"""Streams that vanish under a running fleet: somebody removed one, or the server came back empty.

What they held is lost, and nobody can bring it back. But the fleet shall not stand still for it,
nor seem well while nothing moves. So whoever consumes looks after them, at every reconnection and
now and then, and makes them again as the first process of a namespace does. Consumers look after
themselves (`pull`).
"""

from __future__ import annotations

__all__ = ["Caretaker"]

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from flowworker.errors import FlowworkerError, TopologyMismatch
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.topology.streams import Topology


EVERY = 10.0
"""Seconds between two looks: seven requests."""


class Caretaker:
    """Sees to it that all streams are there.

    Attributes:
        satisfied: nothing was found that it cannot put right.
    """

    def __init__(self, connection: Connection, topology: Topology) -> None:
        """Do nothing before `start`."""
        self.satisfied = True
        self._connection = connection
        self._topology = topology
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._task is None:
            self._connection.on_reconnected.append(self._news.set)
            self._task = asyncio.create_task(self._work(), name="nats-caretaker")

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        if task is not None:
            self._connection.on_reconnected.remove(self._news.set)
            task.cancel()
            await asyncio.wait([task])

    async def _work(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._news.wait()
            self._news.clear()
            if self._connection.connected:
                await self._look()

    async def _look(self) -> None:
        try:
            await self._topology.ensure()
        except TopologyMismatch as error:
            self.satisfied = False
            get_logger().error("a stream is not what it must be", error=str(error))
        except FlowworkerError as error:
            get_logger().warning("streams could not be looked after", error=str(error))
        except Exception:  # noqa: BLE001 - a defect must not end it, nor be silent
            get_logger().exception("streams could not be looked after")
        else:
            self.satisfied = True
