"""The record of one limit, as one process knows it, and what is written over it."""

from __future__ import annotations

__all__ = ["Ledger"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.limiting import follow, is_blind
from flowworker.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.clock import Clock
    from flowworker.core.limit import LimitRecord
    from flowworker.core.limiting import Ask, Over, Turn
    from flowworker.stores.limits import LimitStore

_TRIES = 20
"""Conflicts in a row after which somebody else has to try again later."""


class Ledger:
    """Changed by compare-and-set; what is remembered may be out of date.

    Attributes:
        leads: nobody else has let in anybody by its rate since this process has looked at it.
    """

    def __init__(self, limit: str, store: LimitStore, clock: Clock) -> None:
        """Nothing is read before it is needed."""
        self.leads = True
        self._limit = limit
        self._store = store
        self._clock = clock
        self._record: LimitRecord | None = None
        self._revision = 0
        self._tat = -1
        self._places: int | None = None
        self._spent = 0

    @property
    def remembered(self) -> LimitRecord | None:
        """The record as it was last read or written; None if it has to be read."""
        return self._record

    @property
    def known(self) -> LimitRecord:
        """The same, where it must have been read."""
        if self._record is None:
            raise Unavailable(f"limit {self._limit} has not been read")
        return self._record

    @property
    def room(self) -> int:
        """How many more it lets in at this moment."""
        return self.known.room(self._clock.now())

    def size(self, places: int) -> None:
        """From now on it allows so many, whatever is written."""
        self._places = places
        if self._record is not None:
            self._record = self._sized(self._record)

    def _sized(self, record: LimitRecord) -> LimitRecord:
        return record if self._places is None else replace(record, concurrency=self._places)

    def forget(self) -> None:
        """Have it read again."""
        self._record = None

    async def load(self) -> LimitRecord:
        """Read it."""
        record, self._revision = await self._store.load(self._limit)
        self.leads = self.leads and self._tat in {-1, record.tat}
        self._record, self._tat = self._sized(record), record.tat
        return self._record

    async def remove_spent(self) -> None:
        """Remove it if it is of no use, and was of none when that was asked before."""
        record, revision = self._record, self._revision
        is_there = record is not None and revision > 0
        is_spent = is_there and self.known.is_spent(self._clock.now())
        if not is_spent or revision != self._spent:
            self._spent = revision if is_spent else 0
            return
        self._record, self._spent = None, 0
        await self._store.remove(self._limit, revision)

    async def is_led_by_others(self) -> bool:
        """Whether somebody else has let in one since it was looked at; else this process leads."""
        if self.leads:
            return False
        former = self._tat
        await self.load()
        self.leads = self._tat == former
        return not self.leads

    async def mark(self) -> None:
        """Have it say that somebody waits. It was read then after it had been decided to wait."""
        for _ in range(_TRIES):
            marked = replace(await self.load(), awaited=True)
            if marked == self._record:
                return
            try:
                self._revision = await self._store.save(marked, self._revision)
            except Conflict:
                continue
            self._record = marked
            return
        raise self._unsettled()

    async def decide(
        self,
        over: Sequence[Over],
        waiting: Sequence[Ask],
        asks: Sequence[Ask],
        *,
        listed: bool,
        all_known: bool,
    ) -> Turn | None:
        """One turn of the record, over whatever others have written meanwhile.

        None if others may have to be let in first: then nothing was decided. If it is `listed` who
        waits, there are none but those who are `waiting`, and some behind them unless `all_known`.
        """
        for _ in range(_TRIES):
            remembered = self._record is not None
            known, now = self._record or await self.load(), self._clock.now()
            if not listed and is_blind(known, over, waiting, asks, now):
                return None
            turn = follow(known, over, waiting, asks, now, all_known=all_known)
            if turn.record == known:
                if not remembered or not (over or waiting or asks):
                    return turn
                self._record = None  # others may have changed it
                continue
            try:
                self._revision = await self._store.save(turn.record, self._revision)
            except Conflict:
                self._record = None
                continue
            self._record, self._tat, self.leads = turn.record, turn.record.tat, True
            return turn
        raise self._unsettled()

    def _unsettled(self) -> Unavailable:
        return Unavailable(f"limit {self._limit} changes all the time, or what was read is stale")
