"""Events as they happen.

Of one run every event is yielded once, although notifications are published at most once: the
subscription begins before the history is read, events are recognised by their id, and the history
is read again after a silence and before the last event.

Order: notifications come in the order of the history, as long as none is lost. When some are known
to be lost, because the reader was too slow or the connection broke, what is buffered is dropped
and the history is read, before anything later is yielded.
"""

from __future__ import annotations

__all__ = ["decode", "events_of", "watch_all", "watch_run"]

import asyncio
from collections import deque
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.codec.json import UNREADABLE
from flowworker.codec.senders import is_consistent
from flowworker.codec.subjects import event_subject, public_subject
from flowworker.core.event_types import ENDS, EventType
from flowworker.core.ids import partition_of
from flowworker.errors import Unavailable
from flowworker.tasks import wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator

    from flowworker.clock import Clock
    from flowworker.ports import Backend, StoredEvent
    from flowworker.stores.stores import Stores

SHORTEST_SILENCE, LONGEST_SILENCE = 1.0, 10.0
"""Seconds without an event after which the history is read again."""
BACKLOG = 10_000
BACKLOG_BYTES = 32 * 1024 * 1024
"""Events, and their bytes, that are buffered for a slow reader. Beyond that, of one run all are
dropped and read from the history instead; of all runs the oldest are dropped."""

Event = dict[str, Any]


def events_of(run: str, history: Iterable[StoredEvent]) -> Iterator[Event]:
    """Those events of a history that their senders may have published, each once."""
    seen: set[tuple[str, str]] = set()
    for stored in history:
        event = _believed(run, stored.sender, stored.type, stored.data)
        if event is None or (stored.sender, event["id"]) in seen:
            continue  # what is published again long after is stored again
        seen.add((stored.sender, event["id"]))
        yield event


def _believed(run: str, sender: str, named: str, raw: bytes) -> Event | None:
    """An event, or None for what is not one, or not the sender's: it must hide no other."""
    event = decode(raw)
    if event is None or not is_consistent(run, sender, named, event["type"], event["id"]):
        return None
    return event


def decode(raw: bytes) -> Event | None:
    """An event, or None for what is not one."""
    try:
        event = msgspec.json.decode(raw)
    except UNREADABLE:
        return None
    is_one = isinstance(event, dict) and all(
        type(event.get(name)) is str for name in ("id", "type")
    )
    return event if is_one else None


class _Buffer:
    """Events that arrived and were not taken yet.

    Attributes:
        lost: some may be missing; none is kept from before that.
        arrived: set while there is an event, or some are lost.
    """

    def __init__(self, *, whole: bool) -> None:
        """With `whole`, a gap loses all that is buffered."""
        self.lost = False
        self.arrived = asyncio.Event()
        self._whole = whole
        self._events: deque[tuple[str, bytes]] = deque()
        self._size = 0

    def put(self, subject: str, data: bytes) -> None:
        if self.lost:
            return  # the history will be read after this
        self._events.append((subject, data))
        self._size += len(data)
        while len(self._events) > BACKLOG or self._size > BACKLOG_BYTES:
            if self._whole:
                self.lose()
                return
            self._size -= len(self._events.popleft()[1])
        self.arrived.set()

    def lose(self) -> None:
        self.lost = True
        self._events.clear()
        self._size = 0
        self.arrived.set()

    def make_whole(self) -> None:
        """What was lost is about to be read from the history."""
        if self.lost:
            self.lost = False
            self.arrived.clear()

    def take(self) -> tuple[str, bytes] | None:
        """Subject and body of the next one; None if some may be missing here."""
        if self.lost:
            return None
        subject, data = self._events.popleft()
        self._size -= len(data)
        if not self._events:
            self.arrived.clear()
        return subject, data


@asynccontextmanager
async def _subscribed(backend: Backend, subject: str, *, whole: bool) -> AsyncIterator[_Buffer]:
    buffer = _Buffer(whole=whole)
    on_lost = buffer.lose if whole else None
    unsubscribe = await backend.notifier.subscribe(subject, buffer.put, on_lost)
    try:
        yield buffer
    finally:
        unsubscribe()


async def watch_all(backend: Backend) -> AsyncGenerator[Event, None]:
    """Events of all runs from now on, at most once each."""
    subject = public_subject(backend.namespace, "workflow.>")
    async with _subscribed(backend, subject, whole=False) as buffer:
        while True:
            await buffer.arrived.wait()
            taken = buffer.take()
            event = None if taken is None else decode(taken[1])
            if event is not None:
                yield event


async def watch_run(stores: Stores, clock: Clock, run: str) -> AsyncGenerator[Event, None]:
    """Events of one run from its first to its last, each once."""
    backend = stores.backend
    partition = partition_of(run, backend.events.partitions)
    subject = event_subject(backend.namespace, partition, run, "*", ">")
    seen: set[str] = set()
    async with (
        _subscribed(backend, subject, whole=True) as buffer,
        aclosing(_unordered(backend, clock, run, buffer)) as events,
    ):
        async for event in events:
            if event["id"] in seen:
                continue
            if event.get("type") in ENDS or (
                _is_rejected_start(event) and await stores.runs.load(run) is None
            ):
                seen.add(event["id"])
                for earlier in await _history(backend, run):
                    if earlier["id"] not in seen:
                        seen.add(earlier["id"])
                        yield earlier
                yield event
                return
            seen.add(event["id"])
            yield event


def _is_rejected_start(event: Event) -> bool:
    """Whether there will be no run; a rejected control names no workflow."""
    data = event.get("data")
    rejected = event.get("type") == EventType.REJECTED
    return rejected and isinstance(data, dict) and bool(data.get("name"))


async def _unordered(
    backend: Backend, clock: Clock, run: str, buffer: _Buffer
) -> AsyncGenerator[Event, None]:
    """Every event at least once."""
    silence = SHORTEST_SILENCE
    for known in await _history(backend, run):
        yield known
    while True:
        if await wait_for(buffer.arrived, silence, clock):
            silence = SHORTEST_SILENCE
            taken = buffer.take()
            if taken is not None:
                # <ns>.event.<partition>.<run>.<sender>.<type>
                _, _, _, _, sender, named = taken[0].split(".", 5)
                event = _believed(run, sender, named, taken[1])
                if event is not None:
                    yield event
            if not buffer.lost:
                continue
        silence = min(silence * 2, LONGEST_SILENCE)
        for known in await _history_if_reached(backend, clock, run, buffer):
            yield known


async def _history(backend: Backend, run: str) -> Iterator[Event]:
    return events_of(run, await backend.events.history(run))


async def _history_if_reached(
    backend: Backend, clock: Clock, run: str, buffer: _Buffer
) -> Iterator[Event]:
    """The history, which has all that was lost until now; nothing if it is unavailable."""
    lost = buffer.lost
    buffer.make_whole()
    try:
        return await _history(backend, run)
    except Unavailable:
        if lost:
            buffer.lose()
            await clock.sleep(SHORTEST_SILENCE)
        return iter(())  # notifications go on once the server can be reached again
