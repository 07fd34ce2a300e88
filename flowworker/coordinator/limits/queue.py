"""Who waits for one limit, as one process knows it: the first of the list, read when it is needed.

What is remembered may be out of date, and nothing follows from it but whom to look at next: each is
looked at before it is let in. Where it is by shares, who comes new may be first: so those that come
to this process are remembered, too, and for those that come to others the list is read again, as
often as that takes a twentieth of the time.
"""

from __future__ import annotations

__all__ = ["Queue"]

import asyncio
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from flowworker.coordinator.limits.verdict import Verdict
from flowworker.core.fairness import is_gate
from flowworker.stores.limits import Place, in_order

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowworker.clock import Clock
    from flowworker.codec.limits import Entry
    from flowworker.coordinator.limits.verdict import Standing
    from flowworker.core.limit import LimitRecord
    from flowworker.core.limiting import Ask
    from flowworker.stores.limits import LimitStore

_REMEMBERED = 1_000
"""Places of which a process knows that somebody waits there."""

_AT_A_TIME = 64
"""Of those who wait, how many are let in together."""

_FRESH, _TIMES = 1.0, 20
"""Seconds for which what was read is good enough, at least, and so many times what that took."""


class Queue:
    """The places of one limit, in their order."""

    def __init__(self, limit: str, store: LimitStore, standing: Standing, clock: Clock) -> None:
        """Nothing is known yet."""
        self._limit = limit
        self._store = store
        self._standing = standing
        self._clock = clock
        self._places: dict[Place, None] = {}
        self._is_shared = is_gate(limit)
        self._more: set[str] | None = None  # keys with more on the list than is remembered
        self._skips = True
        self._old_at = 0.0
        self._begun: list[tuple[Place, Entry]] = []

    def __bool__(self) -> bool:
        return bool(self._places)

    @property
    def is_through(self) -> bool:
        """Whether all who were on the list when it was read have been looked at, and may go."""
        return not (self._places or self._skips)

    def clear(self) -> None:
        """Know of nobody any more."""
        self._places.clear()
        self._more = None
        self._skips = True

    async def read(self, record: LimitRecord, seen: set[Place]) -> None:
        """Find out who waits whose time has come, but for those that were `seen`."""
        begun = self._clock.now()
        places = await self._store.waiting(self._limit)
        now = self._clock.now()
        due = [one for one in places if one.since <= now and one not in seen]
        first = [*islice(in_order(record, due), _REMEMBERED)]
        self._places = dict.fromkeys(sorted(first))
        self._skips = len(first) < len(places)
        if self._is_shared:
            left = Counter(one.share.key for one in due)
            left.subtract(one.share.key for one in first)
            self._more = {key for key, count in left.items() if count}
            self._old_at = now + max(_FRESH, _TIMES * (now - begun))

    async def heads(
        self, record: LimitRecord, room: int, seen: set[Place]
    ) -> dict[Ask, tuple[Place, Entry]]:
        """The first that may be let in, `room` at most, and those before them that were.

        Who waits in vain is taken off the list. `seen` are those that were looked at. Those that a
        rate has let in before are kept apart (`begun`), since its record names none of them.
        """
        if self._is_shared and room > 0 and self._clock.now() >= self._old_at:
            await self.read(record, seen)
        found: dict[Ask, tuple[Place, Entry]] = {}
        named = {(one.run, one.step) for one in record.holders}
        while some := self._first(record, named, min(room, _AT_A_TIME) - len(found)):
            seen.update(some)
            self._forget(some)
            looks = (self._look(place, named, record) for place in some)
            looked_at = await asyncio.gather(*looks)
            for place, entry in zip(some, looked_at, strict=True):
                if entry is not None:
                    found[entry.ask] = place, entry
        return found

    def _first(
        self, record: LimitRecord, named: Collection[tuple[str, str]], room: int
    ) -> list[Place]:
        """As many as there is room for, and those before them that were let in."""
        found = []
        for place in in_order(record, self._places):
            if (place.run, place.step) not in named:
                room -= 1
                if room < 0:
                    break
            found.append(place)
        return found

    def begun(self) -> list[tuple[Place, Entry]]:
        """Those that have begun and stand there, since who let them in has died; each once."""
        begun, self._begun = self._begun, []
        return begun

    async def _look(
        self, place: Place, named: Collection[tuple[str, str]], record: LimitRecord
    ) -> Entry | None:
        """Who waits there, if it may be let in or was. Who waits in vain is taken off the list."""
        entry = await self._store.entry(place)
        if entry is None:
            return None
        match await self._standing.of(place, entry):
            case Verdict.OPEN:
                return entry
            case Verdict.BEGUN if (place.run, place.step) in named:
                return entry
            case Verdict.BEGUN if record.rate is not None and not record.concurrency:
                self._begun.append((place, entry))
            case Verdict.GONE:
                await self._store.leave(place)
            case Verdict.BEGUN | Verdict.UNSEEN:
                self._skips = True
        return None

    def _forget(self, taken: list[Place]) -> None:
        """These were looked at. If none of a key is left of which more are listed, read that."""
        for place in taken:
            del self._places[place]
        if self._more:
            ran_out = self._more.intersection(place.share.key for place in taken)
            if ran_out.difference(place.share.key for place in self._places):
                self.clear()

    def back(self, places: list[Place]) -> None:
        """These were looked at and have to wait on; they are the first."""
        self._places = {**dict.fromkeys(places), **self._places}

    async def put(self, entry: Entry, ticket: str, *, again: bool) -> None:
        """Have it wait; where it waits already, if it asks again."""
        place = Place(self._limit, ticket, entry.run, entry.ask.step)
        if again:
            known = await self._store.waiting(self._limit, entry.run, place.step)
            place = known[0] if known else place
        await self._store.queue(place, entry)
        if self._more is None or place.share.key in self._more:
            self._skips = True
            return  # it comes behind those that are not remembered
        if len(self._places) < 2 * _REMEMBERED:
            self._places[place] = None
        else:
            self._more.add(place.share.key)
            self._skips = True
