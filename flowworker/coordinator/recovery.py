"""Heals what was lost, whatever lost it: runs without progress are rebuilt and decided again.

On taking a partition every unfinished run of it is looked at once; later a run that stays idle is
looked at with growing pauses, so that ten thousand runs that wait for humans cost little.
"""

from __future__ import annotations

__all__ = ["Recovery"]

from typing import TYPE_CHECKING

from flowworker.core.ids import partition_of
from flowworker.core.outdated import may_be_unseen
from flowworker.core.status import ACTIVE, TERMINAL, RunStatus
from flowworker.errors import FlowworkerError
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.clock import Clock
    from flowworker.coordinator.scheduler import Scheduler
    from flowworker.settings import Settings
    from flowworker.stores.runs import RunStore

_MAX_PAUSE = 32
"""An idle run is looked at at least every this many sweeps."""


class Recovery:
    """Looks through the index of unfinished runs."""

    def __init__(
        self,
        runs: RunStore,
        partitions: int,
        clock: Clock,
        settings: Settings,
        adopts: Callable[[str], bool] | None,
    ) -> None:
        """Read the index of `runs`, and look after those that it adopts."""
        self._runs = runs
        self._partitions = partitions
        self._clock = clock
        self._sweep = settings.sweep
        self._adopts = adopts
        self._missed: dict[str, float] = {}

    async def sweep(self, schedulers: Mapping[int, Scheduler], *, taken: bool) -> None:
        """Have every run recovered that is unfinished, ours, and idle.

        Args:
            schedulers: by the partitions to look at.
            taken: they were taken over just now. Otherwise a young run that is not in memory is
                let be: its first event is on its way.
        """
        now = self._clock.monotonic()
        for status in ACTIVE:
            for workflow, run in await self._runs.list(status):
                scheduler = schedulers.get(partition_of(run, self._partitions))
                if scheduler is None or not (self._adopts is None or self._adopts(run)):
                    continue
                active = scheduler.active.get(run)
                if active is None:
                    await self._check(scheduler, status, workflow, run, taken=taken)
                    continue
                pause = self._sweep * min(2**active.checked, _MAX_PAUSE)
                if now - active.touched >= pause:
                    active.checked += 1
                    scheduler.recover(run)

    async def _check(
        self, scheduler: Scheduler, status: RunStatus, workflow: str, run: str, *, taken: bool
    ) -> None:
        """A run that is listed but not in memory: the index may be what is wrong."""
        try:
            found = await self._runs.load(run)
            if found is None:
                await self._miss(status, workflow, run)
                return
            self._missed.pop(run, None)
            record, _ = found
            if record.workflow != workflow:  # it was resumed as one of another name
                await self._runs.index(status, record.workflow, run)
                await self._runs.unindex(status, workflow, run)
            if record.status in TERMINAL:
                # Listed as long as not all is done that follows from its end.
                get_logger().info("a finished run is listed as unfinished", run=run)
            if taken or self._clock.now() - record.created_at > self._sweep:
                scheduler.recover(run)
        except FlowworkerError as error:
            get_logger().warning("sweep: run skipped", run=run, error=str(error))

    async def _miss(self, status: RunStatus, workflow: str, run: str) -> None:
        """A run that is listed and not there is gone, unless the answer is outdated."""
        now = self._clock.now()
        if not may_be_unseen(self._missed.setdefault(run, now), now):
            await self._runs.unindex(status, workflow, run)
            del self._missed[run]
