"""One limit, in one process: who asks, who is over -> `core.limiting` -> its record.

All that comes while a turn is going on is decided upon in the next one: many asks are one write.

    ask, and there is room    the record names the attempt, then its message is enqueued
    ask, and there is none    the attempt waits: it is written down who it is, with its message;
                              then the record is read again, for room that there may be since
    an attempt is over        the record, with those that waited longest in its place; then their
                              messages are enqueued, and they are taken off the list. If there is
                              room left, the list is read again

Who lets in reads the list after it has written the record, and who waits reads the record after it
has written itself down. So one of them sees the other, and nobody waits beside a free place.

What if a coordinator dies? Who asks is asked again, with the event that it follows from, and the
record names an attempt once. Who was let in and not enqueued still stands on the list, and who
reads that next enqueues it: that is done twice without harm. What is over is said again with its
event. What none of these finds, the sweep does: it looks what became of those who hold the limit.
"""

from __future__ import annotations

__all__ = ["Desk"]

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from flowworker.coordinator.limits.queue import Queue, asked_by
from flowworker.core.limiting import Over, follow
from flowworker.errors import Conflict, FlowworkerError, Unavailable
from flowworker.tasks import all_over, cancel_all
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from flowworker.clock import Clock
    from flowworker.codec.limits import Waiting
    from flowworker.coordinator.limits.standing import Standing
    from flowworker.core.limit import LimitRecord
    from flowworker.core.limiting import Ask, Turn
    from flowworker.stores.limits import LimitStore, Place

_AT_A_TIME = 64
"""Holders that are looked at together."""

_TRIES = 20
"""Conflicts in a row after which somebody else has to try again later."""

_CUT_SHORT = Unavailable("it was cut short; it will be tried again")


class _Asked(NamedTuple):
    """An attempt that asks, where it will wait, and whether it was let in."""

    entry: Waiting
    ticket: str
    again: bool
    answer: asyncio.Future[bool]


class Desk:
    """Decides upon all that concerns one limit, one turn after the other."""

    def __init__(
        self,
        limit: str,
        store: LimitStore,
        standing: Standing,
        admit: Callable[[Waiting], Awaitable[None]],
        clock: Clock,
    ) -> None:
        """Call `admit` for those that have waited; nothing is read before somebody asks."""
        self._limit = limit
        self._store = store
        self._standing = standing
        self._admit = admit
        self._clock = clock
        self._record: LimitRecord | None = None
        self._revision = 0
        self._queue = Queue(limit, store, standing, clock)
        self._asked: list[_Asked] = []
        self._over: list[Over] = []
        self._answers: list[asyncio.Future[None]] = []
        self._verifies = False
        self._unsure = True
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether there is something to decide upon."""
        return self._task is not None and not self._task.done()

    @property
    def held(self) -> int:
        """How many hold it, as this process knows it."""
        return 0 if self._record is None else len(self._record.holders)

    async def stop(self) -> None:
        """Decide no more; who waits for an answer is to try again."""
        if self._task is not None:
            await cancel_all([self._task])

    async def ask(self, entry: Waiting, ticket: str, *, again: bool) -> bool:
        """Whether an attempt may go on; if not, it waits, and is admitted later.

        Raises:
            Conflict: a later attempt of the step was let in, so the view of who asks is old.
        """
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(entry, ticket, again, answer))
        self._begin()
        return await answer

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

    def _begin(self) -> None:
        if not self.is_busy:
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        """Have turns until nothing is left to do."""
        try:
            while self._asked or self._answers:
                await self._turn()
        finally:
            _fail([*(one.answer for one in self._asked), *self._answers], _CUT_SHORT)

    async def _turn(self) -> None:
        asked, self._asked = self._asked, []
        over, self._over = self._over, []
        answers, self._answers = self._answers, []
        error: Exception = _CUT_SHORT
        try:
            await self._follow(asked, over, looks=bool(answers))
            for answer in answers:
                if not answer.done():  # else who asked is gone
                    answer.set_result(None)
        except FlowworkerError as failure:
            error = failure
        except Exception as defect:  # noqa: BLE001 - it must not end all turns, nor be silent
            error = defect
            get_logger().exception("limit: will try again", limit=self._limit)
        finally:
            waiting: list[asyncio.Future[Any]] = [*(one.answer for one in asked), *answers]
            if not all(one.done() for one in waiting):
                self._record, self._unsure = None, True
                _fail(waiting, error)

    async def _follow(self, asked: Sequence[_Asked], over: list[Over], *, looks: bool) -> None:
        seen: set[Place] = set()
        verifies, self._verifies = self._verifies, False
        if verifies:
            over += await self._verified()
        if self._unsure or (over and asked and not self._queue):
            self._unsure = False
            await self._queue.read(seen)
        while True:
            heads = await self._heads(over, seen)
            turn = await self._decide(over, heads, asked)
            queued = await self._answer(asked, turn)
            await self._let_in(heads, turn)
            if queued:
                await self._load()
            if self._known.room <= 0 or not (looks or queued):
                return
            asked, over, looks = (), [], True
            if not self._queue:
                await self._queue.read(seen)
            if not self._queue:
                return

    @property
    def _known(self) -> LimitRecord:
        if self._record is None:
            raise Unavailable(f"limit {self._limit} has not been read")
        return self._record

    async def _load(self) -> None:
        self._record, self._revision = await self._store.load(self._limit)

    async def _heads(
        self, over: Sequence[Over], seen: set[Place]
    ) -> Mapping[Ask, tuple[Place, Waiting]]:
        """The first of those who wait, as many as there may be room for."""
        if not self._queue:
            return {}
        if self._record is None:
            await self._load()
        return await self._queue.heads(self._known, self._known.room + len(over), seen)

    async def _decide(
        self, over: Sequence[Over], heads: Iterable[Ask], asked: Sequence[_Asked]
    ) -> Turn:
        """One turn of the record, over whatever others have written meanwhile."""
        asks, waiting = [asked_by(one.entry) for one in asked], tuple(heads)
        for _ in range(_TRIES):
            remembered = self._record is not None
            if not remembered:
                await self._load()
            turn = follow(self._known, over, waiting, asks, self._clock.now())
            if turn.record == self._known:
                if not remembered or not (over or waiting or asks):
                    return turn
                self._record = None  # others may have changed it
                continue
            try:
                self._revision = await self._store.save(turn.record, self._revision)
            except Conflict:
                self._record = None
                continue
            self._record = turn.record
            return turn
        raise Unavailable(f"limit {self._limit} changes all the time, or what was read is stale")

    async def _answer(self, asked: Sequence[_Asked], turn: Turn) -> bool:
        """Tell those who have asked; whether somebody has to wait."""
        queued = False
        for one in asked:
            ask = asked_by(one.entry)
            if ask in turn.waiting:
                await self._queue.put(one.entry, one.ticket, again=one.again)
                queued = True
            if one.answer.done():  # who asked is gone; it asks again
                continue
            if ask in turn.late:
                text = f"step {ask.step!r} of {ask.run} is past the attempt that asks"
                one.answer.set_exception(Conflict(text))
                self._verifies = True
            else:
                one.answer.set_result(ask not in turn.waiting)
        return queued

    async def _let_in(self, heads: Mapping[Ask, tuple[Place, Waiting]], turn: Turn) -> None:
        """Those who have waited go on, and wait no more."""
        self._queue.back([place for ask, (place, _) in heads.items() if ask in turn.waiting])
        await all_over(
            [
                self._pass(place, entry if ask in turn.admitted else None)
                for ask, (place, entry) in heads.items()
                if ask not in turn.waiting
            ]
        )

    async def _pass(self, place: Place, entry: Waiting | None) -> None:
        if entry is not None:
            await self._admit(entry)
        await self._store.leave(place)

    async def _verified(self) -> list[Over]:
        """Those who hold it and are over."""
        await self._load()
        holders = self._known.holders
        found = []
        for first in range(0, len(holders), _AT_A_TIME):
            some = holders[first : first + _AT_A_TIME]
            said = await asyncio.gather(*map(self._standing.is_over, some))
            found += [one for one, is_over in zip(some, said, strict=True) if is_over]
        return [Over(one.run, one.step, one.attempt) for one in found]


def _fail(answers: Iterable[asyncio.Future[Any]], error: Exception) -> None:
    for one in answers:
        if not one.done():
            one.set_exception(error)
            one.exception()  # who asked may be gone
