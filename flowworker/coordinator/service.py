"""A coordinator as one process: its parts, their start and their end."""

from __future__ import annotations

__all__ = ["Coordinator"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.codec.presence import Presence
from flowworker.coordinator.assembly import assemble
from flowworker.coordinator.driving.aftermath import Aftermath
from flowworker.coordinator.driving.ended import EndedRuns
from flowworker.coordinator.driving.holding import LOOKS, Holding
from flowworker.coordinator.driving.partitions import Partitions
from flowworker.coordinator.driving.recovery import Recovery
from flowworker.coordinator.driving.scheduler import Scheduler
from flowworker.coordinator.driving.shared import Shared
from flowworker.core.ids import partition_of
from flowworker.errors import FlowworkerError, Unavailable
from flowworker.settings import check_fit
from flowworker.tasks import TaskSet
from flowworker.telemetry.log import get_logger
from flowworker.telemetry.tracing import NO_TRACING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics
    from flowworker.telemetry.tracing import Tracing

_REBUILDS = 16
"""Runs that are rebuilt from their records at a time."""

_FIRST = 0
"""The partition whose coordinator looks after what nobody drives."""

_START_AGAIN = 0.5
"""Seconds after which a start that failed is tried again."""


class Coordinator:
    """Takes starts in and drives the runs of its share of the partitions.

    Any number may run; they find each other through leases. `name` must differ between them.
    """

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        name: str,
        metrics: Metrics,
        adopts: Callable[[str], bool] | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """Assemble the parts; nothing happens before `start`.

        With `adopts`, runs that others left behind are gone on with only if it says so; without,
        all are.
        """
        backend, settings = stores.backend, stores.settings
        check_fit(settings, backend.max_body)
        self.name = name
        self.queues: tuple[str, ...] = ()  # as a worker has
        self._stores = stores
        self._clock = clock
        self._metrics = metrics
        self._adopts_all = adopts is None
        self._parts = assemble(stores, clock, metrics, tracing, self._hold_soon)
        self._partitions = Partitions(
            backend.leases,
            name,
            backend.events.partitions,
            clock,
            settings,
            self._take,
            self._lose,
        )
        metrics.partitions.set(backend.events.partitions)
        rebuilds = asyncio.Semaphore(_REBUILDS)
        self._holding = Holding(stores, adopts, metrics)
        self._shared = Shared(
            self._parts.performer, self._parts.answers, self._parts.slots, self._holding, rebuilds
        )
        backlog = self._parts.backlog.steps
        self._recovery = Recovery(stores, backlog, rebuilds, adopts, clock, metrics)
        self._ended = EndedRuns(stores, self._parts.retention.restore, self._looks_after_all, clock)
        self._aftermath = Aftermath(stores, self._restore_timers, adopts, clock)
        self._schedulers: dict[int, Scheduler] = {}
        self._tasks = TaskSet()
        self._endless: list[asyncio.Task[None]] = []

    @property
    def partitions(self) -> tuple[int, ...]:
        """The partitions that it drives at this moment."""
        return tuple(sorted(self._schedulers))

    @property
    def ready(self) -> bool:
        """Whether it is connected and drives something."""
        return self._stores.backend.ready() and bool(self._schedulers)

    def presence(self) -> Presence:
        """What it does at this moment, for people to see."""
        runs = sum(len(scheduler.active) for scheduler in self._schedulers.values())
        hides = self._stores.settings.redact
        return Presence(
            "coordinator", self.name, running=runs, partitions=self.partitions, hides=hides
        )

    async def start(self) -> None:
        """Take partitions and begin; returns once the first beat is done.

        Raises:
            Unavailable: not in time; it may be called again.
        """
        await self._partitions.beat()
        await self._parts.intake.start()
        await self._parts.alarms.start()
        self._endless = [
            self._tasks.spawn(self._partitions.run(), "partitions"),
            self._tasks.spawn(self._sweep(), "sweep"),
            self._tasks.spawn(self._hold_always(), "hold"),
        ]
        if self._stores.backend.tail is None:  # else the look after the server's start does so
            self._tasks.spawn(self._restore(), "restore-schedules")

    async def run(self) -> None:
        """Start, however long that takes, and go on until cancelled; then stop."""
        try:
            while not self._endless:
                try:
                    await self.start()
                except Unavailable as error:
                    get_logger().warning("start: will try again", error=str(error))
                    await self._clock.sleep(_START_AGAIN)
            await asyncio.gather(*self._endless)
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Take nothing new, give up the partitions, and let others go on at once."""
        await self._tasks.close()
        self._endless = []
        await self._parts.intake.stop()
        await self._parts.alarms.stop()
        try:
            await self._partitions.leave()
        except FlowworkerError as error:
            get_logger().warning("leases were not released; they will run out", error=str(error))
        await self._parts.fences.stop()
        await self._parts.slots.desks.stop()
        await self._parts.gate.stop()

    def resume(self, run: str) -> bool:
        """Go on with a run of which no worker executes anything, whatever its leases say.

        False if another coordinator drives it.
        """
        scheduler = self._schedulers.get(partition_of(run, self._stores.backend.events.partitions))
        if scheduler is None:
            return False
        scheduler.recover(run, abandoned=True)
        return True

    async def _take(self, partitions: list[int]) -> None:
        taken = {partition: self._scheduler(partition) for partition in partitions}
        self._schedulers |= taken
        await self._holding.read()  # before any run of theirs goes on
        starting = (scheduler.start() for scheduler in taken.values())
        for result in await asyncio.gather(*starting, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result  # when none is starting any more: those that did will be stopped
        self._metrics.partitions_owned.set(len(self._schedulers))
        self._metrics.partitions_taken.inc(len(taken))
        if _FIRST in taken:
            self._ended.look_anew()
        # Beside the beat: it may take longer than the leases that the beat has to renew.
        self._tasks.spawn(self._look_through(taken, taken=True), "sweep-taken")
        self._tasks.spawn(self._look_after(taken), "aftermath")
        self._tasks.spawn(self._hold(), "hold-taken")

    def _scheduler(self, partition: int) -> Scheduler:
        return Scheduler(
            partition,
            self._stores,
            self._shared,
            self._most_active,
            self._clock,
            self._metrics,
        )

    def _most_active(self) -> int:
        """Runs in memory per partition: they spread evenly over these."""
        return max(1, self._stores.settings.max_active // max(1, len(self._schedulers)))

    async def _lose(self, partitions: list[int]) -> None:
        lost = [self._schedulers.pop(partition) for partition in partitions]
        await asyncio.gather(*(scheduler.stop() for scheduler in lost))
        self._metrics.partitions_owned.set(len(self._schedulers))

    async def _sweep(self) -> None:
        while True:
            await self._clock.sleep(self._stores.settings.sweep)
            self._tasks.spawn(self._look_after(dict(self._schedulers)), "aftermath")
            self._tasks.spawn(self._look_at_ended(), "ended-runs")
            await self._look_through(self._schedulers, taken=False)
            self._metrics.runs_active.set(self.presence().running)

    async def _hold_always(self) -> None:
        while True:
            await self._clock.sleep(self._stores.settings.sweep / LOOKS)
            await self._hold()

    def _hold_soon(self) -> None:
        if self._endless:  # else it ends
            self._tasks.spawn(self._hold(), "hold-soon")

    async def _hold(self) -> None:
        """Let runs hear what was said of their workflows; the next look tries again what fails."""
        try:
            driven = {one: scheduler.active for one, scheduler in self._schedulers.items()}
            await self._holding.look(driven)
        except FlowworkerError as error:
            get_logger().warning("pauses of workflows: not all runs heard", error=str(error))
        except Exception:  # noqa: BLE001 - a defect must not end all looks to come
            get_logger().exception("pauses of workflows: not all runs heard")

    async def _restore(self) -> None:
        """Once in a coordinator's life."""
        try:
            await self._restore_timers()
        except FlowworkerError as error:
            get_logger().warning("timers were not looked after", error=str(error))

    async def _restore_timers(self) -> None:
        """Of schedules at once, of runs that have ended from the next sweep on."""
        if self._adopts_all:
            await self._parts.schedules.restore()
            self._ended.look_anew()

    def _looks_after_all(self) -> bool:
        """Whether it is the one that looks after what nobody drives."""
        return self._adopts_all and _FIRST in self._schedulers

    async def _look_at_ended(self) -> None:
        try:
            await self._ended.look()
        except FlowworkerError as error:
            get_logger().warning("ended runs were not all looked at", error=str(error))
        except Exception:  # noqa: BLE001 - a defect must not end all rounds to come
            get_logger().exception("ended runs were not all looked at")

    def _is_ours(self, about: str) -> bool:
        return partition_of(about, self._stores.backend.events.partitions) in self._schedulers

    async def _look_through(self, schedulers: dict[int, Scheduler], *, taken: bool) -> None:
        try:
            await self._recovery.sweep(schedulers, taken=taken)
            await self._parts.backlog.sweep(self._is_ours)
        except FlowworkerError as error:
            get_logger().warning("sweep was cut short", error=str(error))
        except Exception:  # noqa: BLE001 - a defect must not end all sweeps to come
            get_logger().exception("sweep was cut short")

    async def _look_after(self, schedulers: dict[int, Scheduler]) -> None:
        """After a start of the server; the next sweep tries again what this one does not finish."""
        try:
            await self._aftermath.look(schedulers)
        except FlowworkerError as error:
            get_logger().warning("runs were not all rebuilt", error=str(error))
        except Exception:  # noqa: BLE001 - a defect must not end all looks to come
            get_logger().exception("runs were not all rebuilt")
