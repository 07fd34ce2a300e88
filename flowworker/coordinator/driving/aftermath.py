"""After a power failure: what may be lost is made again, and timers are set that are missing.

What a server writes behind (`ports.Tail`) may be lost, of a run everything or a part: a message and
not its timer. A sweep finds at once what stands still, but a part only in turns. So each start of
the server is followed by one look at all of a partition, and the record that says so:

    looked.<partition>   the incarnation of the server after whose start all were looked at, and a
                         revision of records: events of what was written before that are flushed

Looked at are

    unfinished runs     rebuilt: that publishes what the history lacks, and repeats what follows
    runs that ended     since that revision: the same, so that the history has their end again
    the outbox          what it has of no run: answers to commands, events of schedules

Safety: to rebuild is always right. Liveness: the record is written last, so the coordinator that
has the partition goes on until all was looked at, or begins again after another start. One that
takes a partition over reads the record, and does nothing if the server is still the same.

The revision is put forward by who has seen one and the same server for as long as a tail is. A
run is listed as unfinished until its end is published, so the revision of its entry as ended is at
most the time of that younger than the end.
"""

from __future__ import annotations

__all__ = ["Aftermath"]

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from flowworker.codec.index import entry_at, status_pattern
from flowworker.codec.keys import looked_key
from flowworker.coordinator.history import History
from flowworker.core.ids import partition_of
from flowworker.core.status import ACTIVE, TERMINAL
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from flowworker.clock import Clock
    from flowworker.coordinator.driving.scheduler import Scheduler
    from flowworker.ports import Tail
    from flowworker.stores.stores import Stores

_TOGETHER = 4
"""Runs that are rebuilt at a time, as by recovery."""

_PAUSES = (0.5, 15.0)
"""Seconds after which a rebuild is tried again that had no answer: first, and at most."""


class _Seen(NamedTuple):
    """That this server was there at that moment (monotonic), when records had that revision."""

    incarnation: str
    moment: float
    revision: int


class Aftermath:
    """Looks at all of one coordinator's partitions, once after each start of the server."""

    def __init__(
        self,
        stores: Stores,
        restore: Callable[[], Awaitable[None]],
        adopts: Callable[[str], bool] | None,
        clock: Clock,
    ) -> None:
        """With `restore`, which sets what timers are missing of what is not unfinished.

        With `adopts`, others may have runs in the same partitions: what is looked at stands in no
        record then.
        """
        self._records = stores.backend.runs
        self._events = stores.backend.events
        self._runs = stores.runs
        self._outbox = stores.outbox
        self._partitions = stores.backend.events.partitions
        self._tail = stores.backend.tail
        self._restore = restore
        self._adopts = adopts
        self._clock = clock
        self._restored = ""
        self._looked: dict[int, str] = {}
        self._flushed: dict[int, int] = {}
        self._seen: dict[int, _Seen] = {}
        self._looking = False

    async def look(self, schedulers: Mapping[int, Scheduler]) -> None:
        """Look at these partitions, unless somebody did since the server was started.

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
            due = {
                one: due[one] for one in due if not await self._was_looked_at(one, now, due[one])
            }
            if due:
                await self._look(due, now, self._tail)
            if self._adopts is None:
                await self._put_forward(schedulers, now, self._tail)
        finally:
            self._looking = False

    def _is_due(self, partition: int, incarnation: str) -> bool:
        return self._looked.get(partition) != incarnation

    async def _was_looked_at(self, partition: int, incarnation: str, scheduler: Scheduler) -> bool:
        """Whether anybody has looked at it since; then that is remembered."""
        found = await self._records.read(looked_key(partition))
        said, _, flushed = ("" if found is None else found[0].decode()).partition(" ")
        self._flushed[partition] = int(flushed or 0)
        if said != incarnation:
            return False
        self._looked[partition] = incarnation
        if found is not None:
            scheduler.active.newness.believe(found[1], incarnation)
        return True

    async def _look(
        self, schedulers: Mapping[int, Scheduler], incarnation: str, tail: Tail
    ) -> None:
        listed = await self._listed(schedulers, tail)
        runs = deque(sorted(listed))
        get_logger().info(
            "the server was started: what it may have lost is made again",
            runs=len(runs),
            partitions=sorted(schedulers),
        )

        async def some() -> None:
            while runs:
                run = runs.popleft()
                await self._rebuild(schedulers[partition_of(run, self._partitions)], run)

        await asyncio.gather(*(some() for _ in range(_TOGETHER)))
        for history in self._ours(await self._outbox.histories(), schedulers):
            if history not in listed:
                await self._publish(history)
        for partition, scheduler in schedulers.items():
            if not scheduler.stopped:
                self._looked[partition] = incarnation
                if self._adopts is None:
                    await self._note(partition, scheduler, incarnation, self._flushed[partition])

    async def _listed(self, schedulers: Mapping[int, Scheduler], tail: Tail) -> set[str]:
        found: set[str] = set()
        for status in sorted(ACTIVE):
            found.update(entry.run for entry in await self._runs.listed(status))
        flushed = min(self._flushed[partition] for partition in schedulers)
        for status in sorted(TERMINAL):
            ended = map(entry_at, await tail.changed(status_pattern(status), flushed))
            found.update(entry.run for entry in ended if entry is not None)
        return set(self._ours(found, schedulers))

    def _ours(self, histories: Iterable[str], schedulers: Mapping[int, Scheduler]) -> list[str]:
        return [
            one
            for one in histories
            if partition_of(one, self._partitions) in schedulers
            and (self._adopts is None or self._adopts(one))
        ]

    async def _rebuild(self, scheduler: Scheduler, run: str) -> None:
        """Until the server has answered, or the run turned out to be damaged."""
        pause, most = _PAUSES
        while not await scheduler.recover(run):
            await self._clock.sleep(pause)
            pause = min(2 * pause, most)

    async def _publish(self, history: str) -> None:
        """What the outbox has of a history, of whichever run it may have been."""
        published = await self._events.history(history)
        kept = await self._outbox.kept(history, published)
        for one in History(history, None, published).lost(kept):
            if one.is_answer:  # what was asked of a run that is over was answered by its end
                await one.publish(self._events)

    async def _put_forward(
        self, schedulers: Mapping[int, Scheduler], incarnation: str, tail: Tail
    ) -> None:
        """Note what is flushed by now, and remove what the outbox has of it."""
        now, flushed, due = self._clock.monotonic(), 0, []
        for partition, scheduler in schedulers.items():
            if scheduler.stopped or self._looked.get(partition) != incarnation:
                continue
            seen = self._seen.get(partition)
            if seen is None or seen.incarnation != incarnation:
                await self._note(partition, scheduler, incarnation, self._flushed[partition])
            elif now - seen.moment >= tail.seconds:
                due.append(partition)
                flushed = min(flushed or seen.revision, seen.revision)
                await self._note(partition, scheduler, incarnation, seen.revision)
        if due:
            histories = await self._outbox.histories()
            ours = {one for one in histories if partition_of(one, self._partitions) in due}
            await self._outbox.clear(flushed, ours)

    async def _note(
        self, partition: int, scheduler: Scheduler, incarnation: str, flushed: int
    ) -> None:
        said = f"{incarnation} {flushed}".encode()
        revision = await self._records.put(looked_key(partition), said)
        scheduler.active.newness.believe(revision, incarnation)
        self._flushed[partition] = flushed
        self._seen[partition] = _Seen(incarnation, self._clock.monotonic(), revision)
