"""Limits, beside the runs: who holds each is one record, changed by compare-and-set.

Who waits has a record of its own, so that any number may wait; its key says since when, so that a
listing is in order.
"""

from __future__ import annotations

__all__ = ["LimitStore", "Place", "in_order"]

from typing import TYPE_CHECKING, NamedTuple

from flowworker.codec.json import UNREADABLE, decode_limit, encode
from flowworker.codec.keys import limit_key, waiting_key
from flowworker.codec.limits import decode_waiting, decode_waiting_run
from flowworker.core.fairness import Share, Turns, in_turn, is_gate
from flowworker.core.limit import OF_RUNS, LimitRecord
from flowworker.errors import CorruptRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowworker.codec.limits import Entry
    from flowworker.ports import Records


class Place(NamedTuple):
    """Where an attempt of a step waits, or a run: then without a step.

    Places sort by the time from which on they do: a ticket is `<milliseconds>-<number>`, and, where
    it is by shares, `-<key>-<stride>` comes behind that.
    """

    limit: str
    ticket: str
    run: str
    step: str

    @property
    def key(self) -> str:
        """Under which it is kept."""
        return waiting_key(self.limit, self.ticket, self.run, self.step)

    @property
    def since(self) -> float:
        """From when on it wants to be let in, epoch seconds."""
        return int(self.ticket.partition("-")[0]) / 1000

    @property
    def share(self) -> Share:
        """Whose share it takes."""
        key, _, stride = self.ticket.split("-", 2)[2].partition("-")
        return Share(key, int(stride))


class LimitStore:
    """All limits of a namespace."""

    def __init__(self, records: Records, own: Records | None = None) -> None:
        """Keep everything in `records`, beside the runs.

        Where queues are each process' own, so are the lists of who waits, and the gates of queues:
        these are kept in `own`.
        """
        self._records = records
        self._own = own or records

    def _of(self, limit: str) -> Records:
        return self._own if is_gate(limit) else self._records

    async def load(self, limit: str) -> tuple[LimitRecord, int]:
        """A limit's record and its revision; an empty one and 0 if there is none."""
        key = limit_key(limit)
        found = await self._of(limit).read(key)
        return (LimitRecord(limit), 0) if found is None else (decode_limit(key, found[0]), found[1])

    async def save(self, record: LimitRecord, revision: int) -> int:
        """Write a record over `revision` (0: create)."""
        records = self._of(record.id)
        return await records.write(limit_key(record.id), encode(record), revision)

    async def remove(self, limit: str, revision: int) -> None:
        """Remove a limit's record, unless it has changed since that revision."""
        await self._of(limit).purge(limit_key(limit), revision)

    async def all(self) -> list[str]:
        """The ids of all limits that there are or were, sorted."""
        keys = {*await self._records.keys(limit_key(">")), *await self._own.keys(limit_key(">"))}
        return sorted(key.removeprefix(limit_key("")) for key in keys)

    async def queue(self, place: Place, entry: Entry) -> None:
        """Have it wait there; what waits there already is replaced."""
        await self._own.put(place.key, encode(entry))

    async def entry(self, place: Place) -> Entry | None:
        """What waits there, or None."""
        found = await self._own.read(place.key)
        if found is None:
            return None
        try:
            return (decode_waiting if place.step else decode_waiting_run)(found[0])
        except UNREADABLE as error:
            raise CorruptRecord(place.key, found[0], str(error)) from error

    async def leave(self, place: Place) -> None:
        """It waits no more; nothing is fine."""
        await self._own.purge(place.key)

    async def forget(self, run: str) -> None:
        """No step of a run waits any more."""
        await self._own.purge(waiting_key("*.*", "*", run, ">"))

    async def waiting(self, limit: str = "*.*", run: str = "*", step: str = ">") -> list[Place]:
        """The steps that wait, for a limit or for any, in order; or the runs, for one of runs."""
        if limit.startswith(f"{OF_RUNS}."):
            step = ""
        return await self._places(waiting_key(limit, "*", run, step))

    async def everybody(self) -> list[Place]:
        """All steps and runs that wait for any limit, in order."""
        return await self._places(waiting_key("*.*", "*", ">", ""))

    async def _places(self, pattern: str) -> list[Place]:
        places = []
        for key in await self._own.keys(pattern):
            _, kind, name, ticket, run, *step = key.split(".", 5)
            places.append(Place(f"{kind}.{name}", ticket, run, "".join(step)))
        return sorted(places, key=lambda place: place.ticket)


def in_order(record: LimitRecord, places: Iterable[Place]) -> Iterator[Place]:
    """Who waits for a limit, in the order in which they are let in, by what is known now.

    The `places` are in the order in which they have come.
    """
    if is_gate(record.id):
        return in_turn(record.turns or Turns(), places, lambda place: place.share)
    return iter(places)
