"""A schedule has its turn: a time has come, a run has ended, or an operator has acted.

Step by step, and what happens if the coordinator dies after each:

    decide             the timer's message comes again
    the record         again: the record says which runs are STARTING; these are started
    start the runs     again: each is found
    publish events     again: each has its id
    the record         again: they are RUNNING
    stop runs          again: they are asked once more, unless they stop
    set the timer      again: it is moved to the same time
    acknowledge        done

Two timers: one for the next time, which only turns set, and one that goes off at once, set by those
who have something new. They cannot replace each other. A turn that sets the first one looks whether
the record is still what it was set for; if not, it was set too late or too early, and there is
another turn.

Due is what has come by the server's clock, which stamps the message: a coordinator whose clock is
fast begins nothing early, and one that jumps into another year skips nothing that is to come.
"""

from __future__ import annotations

__all__ = ["Schedules"]

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.keys import SCHEDULE_CHANGED, SCHEDULE_NEXT
from flowworker.coordinator.commands.inbox import NotYet
from flowworker.coordinator.commands.schedule_events import publish_outbox
from flowworker.core.occurrence import OccurrenceState
from flowworker.core.schedule import Overlap
from flowworker.core.scheduling import follow, rests, settled
from flowworker.core.staleness import may_be_unseen
from flowworker.core.waiting import EARLY
from flowworker.errors import Conflict
from flowworker.schedules import times_of
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.schedules.runs import ScheduledRuns
    from flowworker.core.occurrence import ScheduleRecord
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics


_LIMIT = 5.0
"""Seconds from a turn's first look until a run is started by it, at most: well below the time after
which another coordinator has the same turn."""

_LOOK = 60.0
"""Seconds after which a schedule with times that wait is looked at again."""


class Schedules:
    """Gives schedules their turns, beside all other coordinators."""

    def __init__(self, stores: Stores, runs: ScheduledRuns, clock: Clock, metrics: Metrics) -> None:
        """Begin and stop runs by means of `runs`."""
        self._store = stores.schedules
        self._backend = stores.backend
        self._timers = stores.backend.timers
        self._runs = runs
        self._clock = clock
        self._metrics = metrics

    async def turn(self, schedule: str, delivery: Delivery) -> None:
        """A timer of a schedule went off.

        Raises:
            NotYet: what was read may be stale, or another one has changed it meanwhile.
            Unavailable: it is to be tried again.
        """
        found = await self._store.load(schedule)
        if found is None:
            if may_be_unseen(delivery.time, self._clock.now()):
                raise NotYet
            return
        try:
            await self._follow(*found, delivery.time)
        except Conflict as conflict:  # another one follows it, or an operator has acted
            raise NotYet from conflict

    async def _follow(self, found: ScheduleRecord, revision: int, at: float) -> None:
        until = self._clock.monotonic() + _LIMIT
        record, wake = await self._decide(found, at)
        # Also if it is the same: only a write shows that what was read is not stale.
        revision = await self._store.save(record, revision)
        self._count(found, record)
        refused = await self._start(record, until)
        await publish_outbox(self._backend, record, record.outbox)
        begun = settled(record, refused, self._clock.now())
        if begun != record:
            revision = await self._store.save(begun, revision)
        if begun.outbox:
            await publish_outbox(self._backend, begun, begun.outbox)
            begun = replace(begun, outbox=())
            revision = await self._store.save(begun, revision)
        self._count(record, begun, len(refused))
        await self._stop(begun)
        if refused and wake is None:
            wake = at  # of `max_runs` one is left again
        wake = self._soon(begun, wake, at)
        await self._set(begun, wake, revision)

    async def restore(self) -> None:
        """Set what timers schedules have lost, as when the steps stream was purged.

        Those that are paused or over have none, and need none: of these the records are read.
        """
        names = await self._store.names()
        if not names:  # timers are looked through whatever they are called
            return
        timed = set(await self._timers.runs(SCHEDULE_NEXT))
        for name in names:
            found = None if name in timed else await self._store.load(name)
            if found is not None and not rests(found[0]):
                await self._timers.set(name, SCHEDULE_CHANGED, self._clock.now())

    async def _decide(
        self, record: ScheduleRecord, at: float
    ) -> tuple[ScheduleRecord, float | None]:
        running = [one for one in record.running if one.state is OccurrenceState.RUNNING]
        ended = await self._runs.ends(one.run for one in running)
        for one in running:  # what has just been started may be unseen
            if ended.get(one.run, "") is None and may_be_unseen(one.began, self._clock.now()):
                del ended[one.run]
        times = partial(times_of, record.schedule)
        turn = follow(record, at, self._clock.now(), times, ended)
        if (
            turn.wake is not None and at < turn.wake <= at + EARLY
        ):  # servers may count whole seconds
            await self._clock.sleep(turn.wake - max(at, self._clock.now()))
            turn = follow(record, turn.wake, self._clock.now(), times, ended)
        return turn.record, turn.wake

    async def _start(self, record: ScheduleRecord, until: float) -> dict[str, str]:
        """Start what is STARTING; what was refused, and why."""
        starting = [one for one in record.running if one.state is OccurrenceState.STARTING]
        said = await asyncio.gather(*(self._runs.start(record, one, until) for one in starting))
        refused = {one.run: why for one, why in zip(starting, said, strict=True) if why}
        for run, why in refused.items():
            get_logger().warning("scheduled run refused", run=run, reason=why)
        return refused

    async def _stop(self, record: ScheduleRecord) -> None:
        to_stop = [one for one in record.running if one.stop]
        if not to_stop:
            return
        wanted = [one.overlap or record.schedule.overlap for one in record.waiting]
        terminate = Overlap.TERMINATE_OTHER in wanted
        reason = f"another time of schedule {record.id} has come"
        for one in to_stop:
            await self._runs.stop(one.run, reason, terminate=terminate)

    def _soon(self, record: ScheduleRecord, wake: float | None, at: float) -> float | None:
        """Not before long, while times wait for a run: that it had ended may have been unseen."""
        can_begin = [one for one in record.waiting if one.asked or not record.paused]
        if not can_begin:
            return None if record.paused else wake
        soon = self._clock.now() + _LOOK if record.running else at
        return soon if wake is None else min(wake, soon)

    async def _set(self, record: ScheduleRecord, wake: float | None, revision: int) -> None:
        if wake is None:
            await self._timers.clear(record.id, SCHEDULE_NEXT)
        else:
            await self._timers.set(record.id, SCHEDULE_NEXT, wake)
        if await self._store.revision(record.id) != revision:
            raise NotYet

    def _count(self, before: ScheduleRecord, after: ScheduleRecord, refused: int = 0) -> None:
        metrics, name = self._metrics, after.workflow
        for counter, number in (
            (metrics.schedules_skipped, after.skipped - before.skipped),
            (metrics.schedules_missed, after.missed - before.missed),
            (metrics.schedules_rejected, refused),
            (metrics.schedule_pauses, bool(after.paused) - bool(before.paused)),
        ):
            if number:
                counter[name].inc(number)
        if after.paused and not before.paused:
            get_logger().warning("schedule is paused", schedule=after.id, reason=after.paused)
