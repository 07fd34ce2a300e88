"""After a power failure: every unfinished run is rebuilt once, and timers are set that are missing.

What a server writes behind (`ports.Tail`) may be lost, of a run everything or a part: a message and
not its timer. A sweep finds at once what stands still, but a part only in turns. So each start of
the server is followed by one look at all runs of a partition, and the record that says so:

    looked.<partition>   the incarnation of the server after whose start all were looked at

Safety: to rebuild is always right. Liveness: the record is written last, so the coordinator that
has the partition goes on until all was looked at, or begins again after another start. One that
takes a partition over reads the record, and does nothing if the server is still the same.
"""

from __future__ import annotations

__all__ = ["Aftermath"]

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from flowworker.codec.keys import looked_key
from flowworker.core.ids import partition_of
from flowworker.core.status import ACTIVE
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from flowworker.clock import Clock
    from flowworker.coordinator.driving.scheduler import Scheduler
    from flowworker.stores.stores import Stores

_TOGETHER = 4
"""Runs that are rebuilt at a time, as by recovery."""

_PAUSES = (0.5, 15.0)
"""Seconds after which a rebuild is tried again that had no answer: first, and at most."""


class Aftermath:
    """Looks at all runs of one coordinator's partitions, once after each start of the server."""

    def __init__(
        self,
        stores: Stores,
        restore: Callable[[], Awaitable[None]],
        adopts: Callable[[str], bool] | None,
        clock: Clock,
    ) -> None:
        """With `restore`, which sets what timers are missing of what is not unfinished."""
        self._records = stores.backend.runs
        self._runs = stores.runs
        self._partitions = stores.backend.events.partitions
        self._tail = stores.backend.tail
        self._restore = restore
        self._adopts = adopts
        self._clock = clock
        self._restored = ""
        self._looked: dict[int, str] = {}
        self._looking = False

    async def look(self, schedulers: Mapping[int, Scheduler]) -> None:
        """Look at the runs of these partitions, unless somebody did since the server was started.

        Nothing if a look is being taken: what it leaves out is met by the next one.
        """
        if self._tail is None or self._looking:
            return
        self._looking = True
        try:
            now = self._tail.incarnation()
            if now != self._restored:
                await self._restore()
                self._restored = now
            due = {
                one: scheduler for one, scheduler in schedulers.items() if self._is_due(one, now)
            }
            due = {one: due[one] for one in due if not await self._was_looked_at(one, now)}
            if due:
                await self._look(due, now)
        finally:
            self._looking = False

    def _is_due(self, partition: int, incarnation: str) -> bool:
        return self._looked.get(partition) != incarnation

    async def _was_looked_at(self, partition: int, incarnation: str) -> bool:
        """Whether anybody has looked at it since; then that is remembered."""
        found = await self._records.read(looked_key(partition))
        if found is None or found[0] != incarnation.encode():
            return False
        self._looked[partition] = incarnation
        return True

    async def _look(self, schedulers: Mapping[int, Scheduler], incarnation: str) -> None:
        runs = deque(await self._listed(schedulers))
        get_logger().info(
            "the server was started: its unfinished runs are rebuilt",
            runs=len(runs),
            partitions=sorted(schedulers),
        )

        async def some() -> None:
            while runs:
                run = runs.popleft()
                await self._rebuild(schedulers[partition_of(run, self._partitions)], run)

        await asyncio.gather(*(some() for _ in range(_TOGETHER)))
        for partition, scheduler in schedulers.items():
            if not scheduler.stopped:
                await self._records.put(looked_key(partition), incarnation.encode())
                self._looked[partition] = incarnation

    async def _listed(self, schedulers: Mapping[int, Scheduler]) -> list[str]:
        found: set[str] = set()
        for status in sorted(ACTIVE):
            found.update(entry.run for entry in await self._runs.listed(status))
        return sorted(
            run
            for run in found
            if partition_of(run, self._partitions) in schedulers
            and (self._adopts is None or self._adopts(run))
        )

    async def _rebuild(self, scheduler: Scheduler, run: str) -> None:
        """Until the server has answered, or the run turned out to be damaged."""
        pause, most = _PAUSES
        while not await scheduler.recover(run):
            await self._clock.sleep(pause)
            pause = min(2 * pause, most)
