"""One limit, in one process: who asks, who is over -> `core.limiting` -> its record.

All that comes while a turn is going on is decided upon in the next one: many asks are one write.

    ask, and there is room    the record names who asks, then its message is enqueued
    ask, and there is none    it waits: it is written down who it is, with its message, and in the
                              record that somebody waits; for room that there is since it is looked
    the same, without waiting  those who hold it are looked at; then it is refused
    an attempt is over        the record, with those that waited longest in its place; then their
                              messages are enqueued, and they are taken off the list. If nobody
                              waits any more, the record says so
    the next one may go       by the rate: the same. Each process that knows of somebody who waits
                              looks then, by an alarm of its own; whose write another one's has
                              passed stands by, and goes on once that one has not for a second

It may be runs that ask, as wholes: then they begin, instead of messages being enqueued.
Where the record says that somebody waits, the list is read before anybody is let in, or a place
is given back. Who waits makes it say so after it has written itself down, and who takes that back
reads the list again. So one of them sees the other: nobody is passed, or waits beside a free place.

What if a coordinator dies? Who asks is asked again, with the event that it follows from, and the
record names an attempt once. Who was let in and not enqueued still stands on the list, and who
reads that next enqueues it: that is done twice without harm. What is over is said again with its
event. What none of these finds, the sweep does: it looks what became of those who hold the limit.
"""

from __future__ import annotations

__all__ = ["Desk"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.coordinator.limits.alarm import Alarm
from flowworker.coordinator.limits.asked import Asked, answer, fail
from flowworker.coordinator.limits.ledger import Ledger
from flowworker.coordinator.limits.queue import Queue
from flowworker.coordinator.limits.verdict import over_among
from flowworker.core.limit import LimitRecord
from flowworker.errors import FlowworkerError, Unavailable
from flowworker.tasks import all_over, cancel_all
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from flowworker.clock import Clock
    from flowworker.codec.limits import Entry
    from flowworker.coordinator.limits.verdict import Standing
    from flowworker.core.limiting import Ask, Over, Turn
    from flowworker.stores.limits import LimitStore, Place

    _Heads = Mapping[Ask, tuple[Place, Entry]]

_ASKS = 256
"""How many of those who ask are decided upon together: meanwhile nobody else is let in."""

_STANDBY = 1.0
"""Seconds for which somebody else may be late, before it is taken for gone."""

_CUT_SHORT = Unavailable("it was cut short; it will be tried again")


class Desk:
    """Decides upon all that concerns one limit, one turn after the other."""

    def __init__(
        self,
        limit: str,
        store: LimitStore,
        standing: Standing,
        admit: Callable[[Entry], Awaitable[None]],
        clock: Clock,
        width: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        """Call `admit` for those that have waited; `width`, if any, says how many may hold it."""
        self._limit = limit
        self._store = store
        self._standing = standing
        self._admit = admit
        self._clock = clock
        self._width = width
        self._ledger = Ledger(limit, store, clock)
        self._queue = Queue(limit, store, standing, clock)
        self._asked: list[Asked] = []
        self._over: list[Over] = []
        self._answers: list[asyncio.Future[None]] = []
        self._verifies = False
        self._unsure = False
        self._alarm = Alarm(clock, self._ring)
        self._rings = False
        self._awaited = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether there is something to decide upon, or will be."""
        return self._works or self._alarm.is_set

    @property
    def record(self) -> LimitRecord:
        """Its record, as this process knows it."""
        return self._ledger.remembered or LimitRecord(self._limit)

    async def remove_spent(self) -> None:
        """Remove its record if that has been of no use since this was asked before."""
        if not self.is_busy:
            await self._ledger.remove_spent()

    async def stop(self) -> None:
        """Decide no more; who waits for an answer is to try again."""
        if self._task is not None:
            await cancel_all([self._task])
        await self._alarm.stop()

    async def ask(self, entry: Entry, ticket: str, *, again: bool) -> bool:
        """Whether it may go on; if not, it waits, and is admitted later.

        Raises:
            Full: it may not, and does not wait.
            Conflict: a later attempt of the step was let in, so the view of who asks is old.
        """
        asked = Asked(entry, ticket, again, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        self._begin()
        return await asked.answer

    async def over(self, over: Over) -> None:
        """An attempt needs it no more."""
        self._over.append(over)
        await self._done()

    async def look(self, *, verify: bool = False) -> None:
        """Let in who can be; with `verify`, look whether those who hold it are over."""
        self._unsure, self._verifies = True, self._verifies or verify
        await self._done()

    async def _done(self) -> None:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self._begin()
        await answer

    @property
    def _works(self) -> bool:
        return self._task is not None and not self._task.done()

    def _ring(self) -> None:
        """The next one may go."""
        self._rings = True
        self._begin()

    def _begin(self) -> None:
        if not self._works:
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        """Have turns until nothing is left to do."""
        try:
            while self._asked or self._answers or self._rings:
                await self._turn()
        finally:
            fail([*(one.answer for one in self._asked), *self._answers], _CUT_SHORT)

    async def _turn(self) -> None:
        asked, self._asked = self._asked[:_ASKS], self._asked[_ASKS:]
        over, self._over = self._over, []
        answers, self._answers = self._answers, []
        rings, self._rings = self._rings, False
        error: Exception | None = _CUT_SHORT
        former = self._ledger.remembered
        try:
            only_rings = rings and not (asked or answers)
            if only_rings and await self._ledger.is_led_by_others():
                self._queue.clear()  # until this process has to go on, others will wait
            else:
                await self._follow(asked, over, looks=rings)
            error = None
            for answer in answers:
                if not answer.done():  # else who asked is gone
                    answer.set_result(None)
        except FlowworkerError as failure:
            error = failure
        except Exception as defect:  # noqa: BLE001 - it must not end all turns, nor be silent
            error = defect
            get_logger().exception("limit: will try again", limit=self._limit)
        finally:
            if error is not None:
                self._ledger.forget()
                self._unsure = True
                fail([*(one.answer for one in asked), *answers], error)
            self._alarm.set(self._looks_at(in_vain=rings and self._ledger.remembered == former))

    def _looks_at(self, *, in_vain: bool) -> float:
        """When to look again without being asked; 0.0 for never."""
        now = self._clock.now()
        if not self._awaited:
            return 0.0
        record = self._ledger.remembered
        if record is None:  # what it says will be known then
            return now + _STANDBY
        at = record.opens_at(now)
        in_vain = in_vain and at <= now
        late = _STANDBY if in_vain or not self._ledger.leads else 0.0
        return at + late if at else 0.0

    async def _follow(self, asked: Sequence[Asked], over: list[Over], *, looks: bool) -> None:
        seen: set[Place] = set()
        verifies, self._verifies = self._verifies, False
        if self._width is not None:
            self._ledger.size(await self._width())
        if verifies:
            over += await self._verified()
        reads, looks, self._unsure = self._unsure, looks or self._unsure, False
        while True:
            if reads:
                await self._read(seen)
                if not (asked or over or self._queue):
                    return
            heads, turn = await self._decide(asked, over, seen, listed=reads, verifies=verifies)
            queued = await self._answer(asked, turn)
            await self._let_in(heads, turn)
            if queued:
                self._awaited = True
                await self._ledger.mark()
            looks = looks or queued
            if not turn.cleared and (not looks or self._ledger.room <= 0):
                return
            asked, over, reads = (), [], turn.cleared or not self._queue

    async def _decide(
        self,
        asked: Sequence[Asked],
        over: list[Over],
        seen: set[Place],
        *,
        listed: bool,
        verifies: bool,
    ) -> tuple[_Heads, Turn]:
        """Who may go, and what became of all; the list is read first if that may matter."""
        asks = [one.entry.ask for one in asked]
        while True:
            heads = await self._heads(over, seen)
            all_known = listed and self._queue.is_through
            turn = await self._ledger.decide(
                over, tuple(heads), asks, listed=listed, all_known=all_known
            )
            if turn is None:
                listed = True
                await self._read(seen)
            elif turn.refused and not verifies and (gone := await self._verified()):
                over, verifies = gone, True
            else:
                return heads, turn
            self._queue.back([place for place, _ in heads.values()])

    async def _read(self, seen: set[Place]) -> None:
        record = self._ledger.remembered or await self._ledger.load()
        await self._queue.read(record, seen)
        self._awaited = bool(self._queue)
        if self._awaited and not record.awaited:
            await self._ledger.mark()

    async def _heads(self, over: Sequence[Over], seen: set[Place]) -> _Heads:
        """The first of those who wait, as many as there may be room for."""
        if not self._queue:
            return {}
        record = self._ledger.remembered or await self._ledger.load()
        heads = await self._queue.heads(record, self._ledger.room + len(over), seen)
        await all_over([self._pass(place, entry) for place, entry in self._queue.begun()])
        return heads

    async def _answer(self, asked: Sequence[Asked], turn: Turn) -> bool:
        """Say so to those who have asked; whether somebody has to wait."""
        queued = [one for one in asked if one.entry.ask in turn.waiting]
        await all_over([self._queue.put(one.entry, one.ticket, again=one.again) for one in queued])
        answer(asked, turn)
        self._verifies = self._verifies or bool(turn.late)
        return bool(queued)

    async def _let_in(self, heads: _Heads, turn: Turn) -> None:
        """Those who have waited go on, and wait no more."""
        self._queue.back([place for ask, (place, _) in heads.items() if ask in turn.waiting])
        await all_over(
            [
                self._pass(place, entry if ask in turn.admitted else None)
                for ask, (place, entry) in heads.items()
                if ask not in turn.waiting
            ]
        )

    async def _pass(self, place: Place, entry: Entry | None) -> None:
        if entry is not None:
            await self._admit(entry)
        await self._store.leave(place)

    async def _verified(self) -> list[Over]:
        """Those who hold it and are over."""
        return await over_among((await self._ledger.load()).holders, self._standing)
