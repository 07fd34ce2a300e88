"""Recovers what was lost, whatever lost it: runs without progress are rebuilt and decided again.

A run whose steps wait for a worker, or that waits for a human, is not one of them, however long it
waits: so that a backlog costs little, each look begins with what the queue holds, in one listing.

    stuck     nothing durable moves it on, or the last look had no answer, or found no record:
              looked at and rebuilt, again with growing pauses if that does not help
    waiting   the queue holds its steps, or a human is asked: some of them are looked at each time,
              in turns, and a few rebuilt, since a part of what moves them may be lost nevertheless

Live events go first. A rebuild waits until no more of them come than are handled, though not for
ever; few are made at a time, and fewer when the server does not answer; and a sweep ends when the
next one is due. Safety: to rebuild is always right, and so is to wait. Liveness: what is stuck
stays stuck, and is met again by the next look, which begins with those that had no turn.
"""

from __future__ import annotations

__all__ = ["Recovery"]

import asyncio
from bisect import bisect_right
from collections import Counter, deque
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from flowworker.codec.index import entry_of
from flowworker.core.ids import partition_of
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import ACTIVE, TERMINAL, RunStatus
from flowworker.errors import CorruptRecord, FlowworkerError, Unavailable
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from flowworker.clock import Clock
    from flowworker.codec.index import Entry
    from flowworker.coordinator.driving.scheduler import Scheduler
    from flowworker.coordinator.live import LiveRun
    from flowworker.core.records import RunRecord
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics

    _Looks = deque[Callable[[], Awaitable[None]]]

_MOST_TIMES = 5
_MAX_PAUSE = 2**_MOST_TIMES
"""A stuck run is rebuilt at least every this many sweeps, and a waiting one looked at."""

LOOKS, DEEP_LOOKS = 512, 16
"""Waiting runs whose record is read at each sweep, and how many of them are rebuilt, at most. Right
after a takeover so many are rebuilt as are looked at otherwise."""

_AT_A_STRETCH = 1_000
"""Runs that are judged before other work has its turn."""

_AT_REST = frozenset({RunStatus.WAITING_HUMAN, RunStatus.PENDING})
"""A human is asked, or the run begins later."""

_TOGETHER = 4
"""Runs that are looked at or rebuilt at a time."""

_QUIET, _POLL = 1.0, 0.05
"""Seconds to wait for live events to be handled, and between two looks at them."""

_PAUSES = (0.5, 15.0)
"""Seconds after which a rebuild is tried when one before had no answer: first, and at most."""


class _Listed(NamedTuple):
    """A run as the index has it, and who drives it."""

    entry: Entry
    scheduler: Scheduler

    @property
    def run(self) -> str:
        """Its id."""
        return self.entry.run

    @property
    def status(self) -> RunStatus:
        """As listed."""
        return self.entry.status

    @property
    def live(self) -> LiveRun | None:
        """It, if it is in memory."""
        return self.scheduler.active.get(self.run)


class Recovery:
    """Looks through the index of unfinished runs."""

    def __init__(
        self,
        stores: Stores,
        backlog: Callable[[], Awaitable[dict[str, list[str]]]],
        rebuilds: asyncio.Semaphore,
        adopts: Callable[[str], bool] | None,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Look after unfinished runs that it adopts; `backlog` says what moves steps, by run."""
        self._runs = stores.runs
        self._backlog = backlog
        self._partitions = stores.backend.events.partitions
        self._clock = clock
        self._metrics = metrics
        self._sweep = stores.settings.sweep
        self._rebuilds = rebuilds
        self._adopts = adopts
        self._missed: dict[str, float] = {}
        self._stuck: dict[str, tuple[int, float]] = {}
        self._unanswered: set[str] = set()
        self._patrolled = ""
        self._owed = self._pause = 0.0

    async def sweep(self, schedulers: Mapping[int, Scheduler], *, taken: bool) -> None:
        """Look after every run that is unfinished, ours, and idle.

        Args:
            schedulers: by the partitions to look at.
            taken: they were taken over just now. Otherwise a young run that is not in memory is
                let be: its first event is on its way.
        """
        began = self._clock.monotonic()
        listed = [one async for one in self._listed(schedulers)]
        stuck, waiting = await self._sorted(listed, began)
        if not taken:
            statuses = Counter(one.status for one in listed)
            self._metrics.runs_unfinished.replace({one.value: statuses[one] for one in ACTIVE})
            self._stuck = {one.run: self._stuck[one.run] for one in stuck if one.run in self._stuck}
            found = {one.run for one in (*stuck, *waiting)}  # an unlisted id may be used again
            self._missed = {run: at for run, at in self._missed.items() if run in found}
            self._unanswered &= found
        due = [one for one in stuck if self._is_due(one, began, taken=taken)]
        due.sort(key=self._times)
        looks: _Looks = deque(
            partial(self._look, one, began, young=taken, deep=True) for one in due
        )
        looks.extend(
            partial(self._look, one, began, young=True, deep=taken or number < DEEP_LOOKS)
            for number, one in enumerate(self._turn(waiting, taken=taken))
        )
        await self._make(looks, began + self._sweep)

    async def _sorted(
        self, listed: list[_Listed], now: float
    ) -> tuple[list[_Listed], list[_Listed]]:
        """Stuck runs and waiting runs, without those to which something happened just now."""
        stuck: list[_Listed] = []
        waiting: list[_Listed] = []
        backlog = await self._backlog()
        for number, one in enumerate(listed):
            if number % _AT_A_STRETCH == 0:
                await self._clock.sleep(0)
            live, queued = one.live, backlog.get(one.run, ())
            if live is None:
                moves_on = bool(queued) or one.status in _AT_REST
            elif now - live.touched < self._sweep:
                continue
            else:
                moves_on = live.moves_on(queued)
            judged = one.run not in self._unanswered and one.run not in self._missed
            (waiting if moves_on and judged else stuck).append(one)
        return stuck, waiting

    async def _listed(self, schedulers: Mapping[int, Scheduler]) -> AsyncIterator[_Listed]:
        """Unfinished runs that we drive and adopt."""
        for status in ACTIVE:
            for number, entry in enumerate(await self._runs.listed(status)):
                if number % _AT_A_STRETCH == 0:
                    await self._clock.sleep(0)
                scheduler = schedulers.get(partition_of(entry.run, self._partitions))
                if scheduler is not None and (self._adopts is None or self._adopts(entry.run)):
                    yield _Listed(entry, scheduler)

    def _times(self, one: _Listed) -> int:
        """How often it was rebuilt since something happened to it."""
        live = one.live
        return self._stuck.get(one.run, (0, 0.0))[0] if live is None else live.checked

    def _is_due(self, one: _Listed, now: float, *, taken: bool) -> bool:
        live = one.live
        if live is not None:
            since = live.touched
        elif taken or one.run not in self._stuck:
            return True
        else:
            since = self._stuck[one.run][1]
        times = min(self._times(one), _MOST_TIMES)
        return now - since >= self._sweep * 2.0**times

    def _turn(self, waiting: list[_Listed], *, taken: bool) -> list[_Listed]:
        """Those whose turn it is: each once in `_MAX_PAUSE` sweeps, if they are not too many."""
        if taken:
            return waiting[:LOOKS]
        self._owed = min(self._owed + len(waiting) / _MAX_PAUSE, LOOKS)
        count = int(self._owed)
        self._owed -= count
        if not count:
            return []
        waiting.sort(key=attrgetter("run"))
        first = bisect_right(waiting, self._patrolled, key=attrgetter("run"))
        turn = (waiting[first:] + waiting[:first])[:count]
        if turn:
            self._patrolled = turn[-1].run
        return turn

    async def _make(self, looks: _Looks, until: float) -> None:
        """Make them, a few at a time, as far as one comes until then."""

        async def some() -> None:
            while looks:
                await looks.popleft()()
                if self._clock.monotonic() > until:
                    return

        await asyncio.gather(*(some() for _ in range(min(_TOGETHER, len(looks)))))

    async def _look(self, one: _Listed, began: float, *, young: bool, deep: bool) -> None:
        """Rebuild a run if it needs that, with `deep` in any case; a young one only if `young`."""
        live = one.live
        self._unanswered.discard(one.run)
        try:
            if live is not None and not live.state.record.is_early:  # else it may have begun
                await self._relist(one, live.state.record)
            else:
                record = await self._checked(one)
                if record is None or not (young or self._is_grown(record)):
                    return
                fenced = record.stop is not None and record.status is not RunStatus.COMPENSATING
                deep = deep or fenced or record.status in TERMINAL
            if deep:
                await self._rebuild(one, began)
        except FlowworkerError as error:
            get_logger().warning("sweep: run skipped", run=one.run, error=str(error))
            if isinstance(error, CorruptRecord):  # only a person can mend that
                self._stuck[one.run] = (self._times(one) + 1, self._clock.monotonic())
            elif isinstance(error, Unavailable):
                self._unanswered.add(one.run)
        except Exception:  # noqa: BLE001 - a defect that one run meets must not keep others waiting
            get_logger().exception("sweep: run skipped", run=one.run)

    def _is_grown(self, record: RunRecord) -> bool:
        return self._clock.now() - record.created_at > self._sweep

    async def _rebuild(self, one: _Listed, began: float) -> None:
        """Once live events are handled, or soon, unless something has happened to it meanwhile."""
        until = self._clock.monotonic() + _QUIET
        while self._is_busy(one.scheduler) and self._clock.monotonic() < until:
            await self._clock.sleep(_POLL)
        live = one.live
        if live is None:
            self._stuck[one.run] = (self._times(one) + 1, self._clock.monotonic())
        elif live.touched > began:
            return
        else:
            live.checked += 1
        if await one.scheduler.recover(one.run):
            self._pause = 0.0
        else:
            self._unanswered.add(one.run)
            self._pause = min(max(_PAUSES[0], 2 * self._pause), _PAUSES[1])
            await self._clock.sleep(self._pause)

    def _is_busy(self, scheduler: Scheduler) -> bool:
        return scheduler.behind or self._rebuilds.locked()

    async def _checked(self, one: _Listed) -> RunRecord | None:
        """The record of a run that is listed but not in memory: the index may be what is wrong."""
        found = await self._runs.load(one.run)
        if found is None:
            await self._miss(one)
            return None
        self._missed.pop(one.run, None)
        record, _ = found
        await self._relist(one, record)
        if record.status in TERMINAL:
            # Listed as long as not all is done that follows from its end.
            get_logger().info("a finished run is listed as unfinished", run=one.run)
        return record

    async def _relist(self, one: _Listed, record: RunRecord) -> None:
        """List it where it belongs: it was resumed under another name, began late, is refused."""
        right = entry_of(record, one.status)
        if right != one.entry and not record.refused:
            await self._runs.index(right)
        if right != one.entry or record.refused:
            await self._runs.unindex(one.entry)

    async def _miss(self, one: _Listed) -> None:
        """A run that is listed and not there is gone, unless the answer is stale."""
        now = self._clock.now()
        if not may_be_unseen(self._missed.setdefault(one.run, now), now):
            await self._runs.unindex(one.entry)
            del self._missed[one.run]
