"""Recreates streams that vanish under a running fleet: removed, or the server came back empty.

What they held is lost. But the fleet must not stand still for it, nor seem healthy while nothing
moves. So each process that consumes checks them, at every reconnection and periodically, and
creates what is missing as the first process of a namespace does. Consumers are checked by
`consuming.pull`.
"""

from __future__ import annotations

__all__ = ["Caretaker"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.errors import FlowworkerError, TopologyMismatch
from flowworker.tasks import cancel_all, wait_for
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.topology.streams import Topology


CHECK_INTERVAL = 10.0
"""Seconds between two checks: a request for each stream, and one for how many there are."""


class Caretaker:
    """Sees to it that all streams exist.

    Attributes:
        satisfied: nothing was found that it cannot repair.
    """

    def __init__(self, connection: Connection, topology: Topology) -> None:
        """Do nothing before `start`."""
        self.satisfied = True
        self._connection = connection
        self._topology = topology
        self._reconnected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._task is None:
            self._connection.on_reconnected.append(self._reconnected.set)
            self._task = asyncio.create_task(self._work(), name="nats-caretaker")

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        if task is not None:
            self._connection.on_reconnected.remove(self._reconnected.set)
            await cancel_all([task])

    async def _work(self) -> None:
        while True:
            await wait_for(self._reconnected, CHECK_INTERVAL)
            self._reconnected.clear()
            if self._connection.connected:
                await self._check()

    async def _check(self) -> None:
        try:
            await self._topology.ensure()
        except TopologyMismatch as error:
            self.satisfied = False
            get_logger().error("a stream is not what it must be", error=str(error))
        except FlowworkerError as error:
            get_logger().warning("streams could not be checked", error=str(error))
        except Exception:  # noqa: BLE001 - a defect must not end it, nor be silent
            get_logger().exception("streams could not be checked")
        else:
            self.satisfied = True
