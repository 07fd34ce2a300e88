"""Who waits for one limit, as one process knows it: the first of the list, read when it is needed.

What is remembered may be out of date, and nothing follows from it but whom to look at next: each is
looked at before it is let in.
"""

from __future__ import annotations

__all__ = ["Queue"]

from collections import deque
from typing import TYPE_CHECKING

from flowworker.coordinator.limits.verdict import Verdict
from flowworker.stores.limits import Place

if TYPE_CHECKING:
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


class Queue:
    """The places of one limit, in their order."""

    def __init__(self, limit: str, store: LimitStore, standing: Standing, clock: Clock) -> None:
        """Nothing is known yet."""
        self._limit = limit
        self._store = store
        self._standing = standing
        self._clock = clock
        self._places: deque[Place] = deque()

    def __bool__(self) -> bool:
        return bool(self._places)

    def clear(self) -> None:
        """Know of nobody any more."""
        self._places.clear()

    async def read(self, seen: set[Place]) -> None:
        """Find out who waits whose time has come, but for those that were `seen`."""
        places = await self._store.waiting(self._limit)
        now = self._clock.now()
        due = [one for one in places if one.since <= now and one not in seen]
        self._places = deque(due[:_REMEMBERED])

    async def heads(
        self, record: LimitRecord, room: int, seen: set[Place]
    ) -> dict[Ask, tuple[Place, Entry]]:
        """The first that may be let in, `room` at most, and those before them that were.

        Who waits in vain is taken off the list. `seen` are those that were looked at.
        """
        found: dict[Ask, tuple[Place, Entry]] = {}
        named = {(one.run, one.step) for one in record.holders}
        while self._places:
            place = self._places[0]
            is_named = (place.run, place.step) in named
            if not is_named and len(found) >= min(room, _AT_A_TIME):
                break
            self._places.popleft()
            seen.add(place)
            entry = await self._store.entry(place)
            if entry is None:
                continue
            match await self._standing.of(place, entry):
                case Verdict.OPEN:
                    found[entry.ask] = place, entry
                case Verdict.BEGUN if is_named:
                    found[entry.ask] = place, entry
                case Verdict.GONE:
                    await self._store.leave(place)
                case Verdict.BEGUN | Verdict.UNSEEN:
                    pass
        return found

    def back(self, places: list[Place]) -> None:
        """These were looked at and have to wait on; they are the first."""
        self._places.extendleft(reversed(places))

    async def put(self, entry: Entry, ticket: str, *, again: bool) -> None:
        """Have it wait; where it waits already, if it asks again."""
        place = Place(self._limit, ticket, entry.run, entry.ask.step)
        if again:
            known = await self._store.waiting(self._limit, entry.run, place.step)
            place = known[0] if known else place
        await self._store.queue(place, entry)
