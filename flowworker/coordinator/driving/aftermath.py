"""After a power failure: what may be lost is made again, and timers are set that are missing.

What a server writes behind (`ports.Tail`) may be lost, of a run everything or a part: a message and
not its timer. A sweep finds at once what stands still, but a part only in turns. So each start of
the server is followed by one look at all of a partition, and the record that says so:

    looked.<partition>   the incarnation of the server after whose start all were looked at, and a
                         revision of records: events of what was written before that are flushed

Looked at are

    unfinished runs     rebuilt: that publishes what the history lacks, and repeats what follows
    runs that ended     since that revision: the same, so that the history has their end again
    the outbox          what no rebuild publishes: answers to who began no run, events of schedules

Safety: to rebuild is always right. Liveness: the record is written last, so the coordinator that
has the partition goes on until all was looked at, or begins again after another start. One that
takes a partition over reads the record, and does nothing if the server is still the same.

The revision is put forward by who has seen one and the same server for as long as a tail is, who
clears the outbox of the partition up to there. A run is listed as unfinished until its
end is published, so the revision of its entry as ended is at most the time of that younger than the
end.
"""

from __future__ import annotations

__all__ = ["Aftermath"]

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from flowworker.codec.index import entry_at, status_pattern
from flowworker.codec.keys import looked_key
from flowworker.coordinator.history import History
from flowworker.core.ids import partition_of
from flowworker.core.status import ACTIVE, TERMINAL
from flowworker.errors import Unavailable
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

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
        said, self._flushed[partition] = _said(found)
        if found is None or said != incarnation:
            return False
        self._looked[partition] = incarnation
        scheduler.active.newness.believe(found[1], incarnation)
        return True

    async def _look(
        self, schedulers: Mapping[int, Scheduler], incarnation: str, tail: Tail
    ) -> None:
        # First: what is kept from now on was published since the server's start
        kept = self._ours(await self._outbox.histories(), schedulers)
        listed = self._ours(await self._listed(schedulers, tail), schedulers)
        get_logger().info(
            "the server was started: what it may have lost is made again",
            runs=len(listed),
            partitions=sorted(schedulers),
        )
        histories = deque(sorted(listed | kept))

        async def some() -> None:
            while histories:
                one = histories.popleft()
                if one in listed:
                    scheduler = schedulers[partition_of(one, self._partitions)]
                    await self._until_answered(partial(scheduler.recover, one))
                if one in kept:
                    await self._until_answered(partial(self._publish, one))

        await asyncio.gather(*(some() for _ in range(_TOGETHER)))
        for partition, scheduler in schedulers.items():
            if not scheduler.stopped:
                self._looked[partition] = incarnation
                if self._adopts is None:
                    await self._note(partition, scheduler, incarnation, self._flushed[partition])

    async def _listed(self, schedulers: Mapping[int, Scheduler], tail: Tail) -> set[str]:
        found: set[str] = set()
        for status in sorted(ACTIVE):
            found.update(entry.run for entry in await self._runs.listed(status))
        flushed = {partition: self._flushed[partition] for partition in schedulers}
        for status in sorted(TERMINAL):
            ended = map(entry_at, await tail.changed(status_pattern(status), flushed))
            found.update(entry.run for entry in ended if entry is not None)
        return found

    def _ours(self, histories: Iterable[str], partitions: Collection[int]) -> set[str]:
        return {
            one
            for one in histories
            if partition_of(one, self._partitions) in partitions
            and (self._adopts is None or self._adopts(one))
        }

    async def _until_answered(self, act: Callable[[], Awaitable[bool]]) -> None:
        pause, most = _PAUSES
        while not await act():
            await self._clock.sleep(pause)
            pause = min(2 * pause, most)

    async def _publish(self, history: str) -> bool:
        """What the outbox has of a history, of whichever run; whether the server has answered."""
        try:
            published = await self._events.history(history)
            kept = await self._outbox.kept(history, published)
            for one in History(history, None, published).lost(kept):
                if one.is_answer:  # what was asked of a run that is over was answered by its end
                    await one.publish(self._events)
        except Unavailable as error:
            get_logger().warning("recovery failed", history=history, error=str(error))
            return False
        return True

    async def _put_forward(
        self, schedulers: Mapping[int, Scheduler], incarnation: str, tail: Tail
    ) -> None:
        """Note what is flushed by now, and remove what the outbox has of it."""
        now, due = self._clock.monotonic(), {}
        for partition, scheduler in schedulers.items():
            if scheduler.stopped or self._looked.get(partition) != incarnation:
                continue
            seen = self._seen.get(partition)
            if seen is None or seen.incarnation != incarnation:
                await self._note(partition, scheduler, incarnation, self._flushed[partition])
            elif now - seen.moment >= tail.seconds:
                due[partition] = seen.revision
        if not due:
            return
        await self._records.read(looked_key(min(due)))
        if tail.incarnation() != incarnation:
            return  # it was not there all the time: one that is away has the id that it had
        for partition, revision in due.items():
            await self._note(partition, schedulers[partition], incarnation, revision)
        for history in self._ours(await self._outbox.histories(), due):
            await self._outbox.clear(history, due[partition_of(history, self._partitions)])

    async def _note(
        self, partition: int, scheduler: Scheduler, incarnation: str, flushed: int
    ) -> None:
        said = f"{incarnation} {flushed}".encode()
        revision = await self._records.put(looked_key(partition), said)
        scheduler.active.newness.believe(revision, incarnation)
        self._flushed[partition] = flushed
        self._seen[partition] = _Seen(incarnation, self._clock.monotonic(), revision)


def _said(found: tuple[bytes, int] | None) -> tuple[str, int]:
    """What a record says: after which start all were looked at, and what is flushed."""
    incarnation, _, flushed = ("" if found is None else found[0].decode()).partition(" ")
    return incarnation, int(flushed or 0)
