"""Events that no other record tells of, where the stream of events may lose its tail.

A run's records imply what happened in it, but not what came from outside: requests, and answers to
commands (`EventLog.publish_before_end`; rejections; events of schedules). So each of these has a
record of its own, as long as it may be lost. What handlers emit has one anyway
(`handlers.emitting`).

    outbox.<history>.<digest of the event's id>   the event

Safety: it is written after the event is published, and before whatever led to it is acknowledged.
So what is acknowledged is in the stream or here, and what is here was published. Both are done in
one life of the server, or again: else a look after its start may have come in between. To publish
it again is to publish it once: it has one id. Liveness: who rebuilds a run publishes what its
history lacks (`driving.active`), and what is of no run the look after the server's start
(`driving.aftermath`), which also removes what is flushed.
"""

from __future__ import annotations

__all__ = ["Lost", "Outbox", "OutboxLog"]

import asyncio
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from flowworker.codec.handler_events import decode_mark
from flowworker.codec.json import UNREADABLE
from flowworker.codec.keys import emits_pattern, emitted_at, outbox_key, outboxed_of
from flowworker.core.event_types import EventType
from flowworker.core.ids import COORDINATOR, OF_SCHEDULE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowworker.ports import Backend, Consumer, EventLog, OnDelivery, Records, StoredEvent, Tail

_OF_SCHEDULES = "workflow.schedule."
_ANSWERS = (_OF_SCHEDULES, EventType.REJECTED)
"""What types begin with that come from outside, though they are published at any time."""

_EMIT = "emit."


class Lost(NamedTuple):
    """An event that was published, and that the history lacks.

    Attributes:
        type: under which it stands in the history.
    """

    run: str
    type: str
    id: str
    data: bytes

    @property
    def is_answer(self) -> bool:
        """Whether it is one to a command, or an event of a schedule."""
        return self.type.startswith(_ANSWERS)

    async def publish(self, events: EventLog) -> None:
        """Publish it again, in a coordinator's name; what is said of a run, before its end."""
        if self.type.startswith((_EMIT, _OF_SCHEDULES)):
            once = self.type.startswith(_EMIT)
            await events.publish(self.run, self.type, self.data, self.id, once=once)
        else:
            await events.publish_before_end(self.run, self.type, self.data, self.id)


class _Glimpse(msgspec.Struct):
    id: str
    type: str


_glimpse = msgspec.json.Decoder(_Glimpse).decode


class Outbox:
    """That of one namespace; always empty where no event can be lost."""

    def __init__(self, records: Records, tail: Tail | None) -> None:
        """Keep everything in `records`, beside the runs."""
        self._records = records
        self._tail = tail

    async def keep(self, history: str, event_id: str, data: bytes) -> None:
        """Keep an event that is published, or published again."""
        digest = sha256(event_id.encode()).hexdigest()[:32]
        await self._records.put(outbox_key(history, digest), data)

    async def kept(self, history: str, published: Iterable[StoredEvent]) -> list[Lost]:
        """What a history may have lost, of which this much is there; the oldest first."""
        if self._tail is None:
            return []
        there = {(one.sender, one.type) for one in published if one.type.startswith(_EMIT)}
        keys = await self._records.keys(outbox_key(history, "*"))
        of_run = not history.startswith(OF_SCHEDULE)
        emits = await self._records.keys(emits_pattern(history)) if of_run else ()
        keys += [key for key in emits if there.isdisjoint(_published_as(key))]
        found = zip(keys, await asyncio.gather(*map(self._records.read, keys)), strict=True)
        read = sorted((entry[1], key, entry[0]) for key, entry in found if entry is not None)
        kept = (_lost(history, key, value) for _, key, value in read)
        return [one for one in kept if one is not None]

    async def histories(self) -> set[str]:
        """Those of which there is anything."""
        return {outboxed_of(key) for key in await self._records.keys("outbox.>")}

    async def clear(self, history: str, before: int) -> None:
        """Remove what was kept of a history before that revision of a record of its partition."""
        if before > 1:  # there is none before the first
            await self._records.purge(outbox_key(history, "*"), before - 1)


class OutboxLog:
    """The `EventLog` port: another one, and the outbox for what comes from outside."""

    def __init__(self, backend: Backend, tail: Tail) -> None:
        """Publish to the backend's event log, which may lose that tail."""
        self._events = backend.events
        self._outbox = Outbox(backend.runs, tail)
        self._tail = tail

    @property
    def partitions(self) -> int:
        """How many there are."""
        return self._events.partitions

    async def publish(
        self,
        run: str,
        event_type: str,
        data: bytes,
        event_id: str,
        *,
        sender: str = COORDINATOR,
        once: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """As the other one."""
        while True:
            server = self._tail.incarnation()
            await self._events.publish(
                run, event_type, data, event_id, sender=sender, once=once, headers=headers
            )
            if not event_type.startswith(_ANSWERS) or await self._kept(server, run, event_id, data):
                return

    async def publish_before_end(
        self, run: str, event_type: str, data: bytes, event_id: str, *, once: bool = False
    ) -> bool:
        """As the other one."""
        publish = self._events.publish_before_end
        while True:
            server = self._tail.incarnation()
            if not await publish(run, event_type, data, event_id, once=once):
                return False
            if await self._kept(server, run, event_id, data):
                return True

    async def _kept(self, server: str, run: str, event_id: str, data: bytes) -> bool:
        """Keep it; whether the server is still that one, so that it is not lost by then."""
        await self._outbox.keep(run, event_id, data)
        return self._tail.incarnation() == server

    async def consume(self, partition: int, on_delivery: OnDelivery) -> Consumer:
        """As the other one."""
        return await self._events.consume(partition, on_delivery)

    async def history(self, run: str) -> list[StoredEvent]:
        """As the other one."""
        return await self._events.history(run)

    async def drop(self, run: str) -> None:
        """As the other one."""
        await self._events.drop(run)


def _published_as(mark: str) -> set[tuple[str, str]]:
    """Sender and type of what was emitted, as its worker publishes it, and as we do."""
    queue, event = emitted_at(mark)
    return {(sender, f"{_EMIT}{event}") for sender in (queue, COORDINATOR)}


def _lost(history: str, key: str, value: bytes) -> Lost | None:
    """What a record keeps; None for a mark that keeps nothing, or what no handler emits."""
    if not key.startswith(_EMIT):
        seen = _glimpse(value)
        return Lost(history, seen.type, seen.id, value)
    with suppress(*UNREADABLE):
        mark = decode_mark(value)
        if mark.event is not msgspec.UNSET and mark.id.startswith(f"{history}/emit/"):
            return Lost(history, f"{_EMIT}{emitted_at(key)[1]}", mark.id, bytes(mark.event))
    return None
