"""Events as they happen.

For one run nothing is missed and nothing is told twice, although live news are sent at most once:
it subscribes before it reads the history, tells events by their id, reads the history again after
a silence, and once more before the last event.

Order: news come in the order of the history, as long as none are lost. Where that is known, because
too many waited for a slow reader or because the connection was lost, what waits is thrown away and
the history is read instead, before anything that came later is told.
"""

from __future__ import annotations

__all__ = ["decode", "watch_all", "watch_run"]

import asyncio
from collections import deque
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.codec.json import UNREADABLE
from flowworker.codec.subjects import event_subject, public_subject
from flowworker.core.event_types import ENDS, EventType
from flowworker.core.ids import partition_of
from flowworker.errors import Unavailable
from flowworker.tasks import wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from flowworker.clock import Clock
    from flowworker.ports import Backend
    from flowworker.stores.stores import Stores

SHORTEST_SILENCE, LONGEST_SILENCE = 1.0, 10.0
"""Seconds without news after which the history is read again."""
BACKLOG = 10_000
BACKLOG_BYTES = 32 * 1024 * 1024
"""What may wait for a slow reader: of one run all is dropped beyond it and read from the history
instead, of all runs the oldest."""

Event = dict[str, Any]


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


class _News:
    """Events that came and were not taken yet.

    Attributes:
        lost: some may be missing; nothing is kept from before that.
        arrived: set while there is an event, or some are lost.
    """

    def __init__(self, *, whole: bool) -> None:
        """With `whole`, a gap is as bad as nothing."""
        self.lost = False
        self.arrived = asyncio.Event()
        self._whole = whole
        self._events: deque[bytes] = deque()
        self._size = 0

    def put(self, _subject: str, data: bytes) -> None:
        if self.lost:
            return  # the history will be read after this
        self._events.append(data)
        self._size += len(data)
        while len(self._events) > BACKLOG or self._size > BACKLOG_BYTES:
            if self._whole:
                self.lose()
                return
            self._size -= len(self._events.popleft())
        self.arrived.set()

    def lose(self) -> None:
        self.lost = True
        self._events.clear()
        self._size = 0
        self.arrived.set()

    def make_good(self) -> None:
        """Nothing is missing any more."""
        if self.lost:
            self.lost = False
            self.arrived.clear()

    def take(self) -> Event | None:
        """The next one, if any has arrived; None for nonsense, or if some may be missing here."""
        if self.lost:
            return None
        data = self._events.popleft()
        self._size -= len(data)
        if not self._events:
            self.arrived.clear()
        return decode(data)


@asynccontextmanager
async def _subscribed(backend: Backend, subject: str, *, whole: bool) -> AsyncIterator[_News]:
    news = _News(whole=whole)
    on_lost = news.lose if whole else None
    unsubscribe = await backend.notifier.subscribe(subject, news.put, on_lost)
    try:
        yield news
    finally:
        unsubscribe()


async def watch_all(backend: Backend) -> AsyncGenerator[Event, None]:
    """Events of all runs from now on, at most once each."""
    subject = public_subject(backend.namespace, "workflow.>")
    async with _subscribed(backend, subject, whole=False) as news:
        while True:
            await news.arrived.wait()
            event = news.take()
            if event is not None:
                yield event


async def watch_run(stores: Stores, clock: Clock, run: str) -> AsyncGenerator[Event, None]:
    """Events of one run from its first to its last, each once."""
    backend = stores.backend
    partition = partition_of(run, backend.events.partitions)
    subject = event_subject(backend.namespace, partition, run, ">")
    told: set[str] = set()
    async with (
        _subscribed(backend, subject, whole=True) as news,
        aclosing(_unordered(backend, clock, run, news)) as events,
    ):
        async for event in events:
            if event["id"] in told:
                continue
            if event.get("type") in ENDS or (
                _is_rejected_start(event) and await stores.runs.load(run) is None
            ):
                told.add(event["id"])
                for earlier in await _history(backend, run):
                    if earlier["id"] not in told:
                        told.add(earlier["id"])
                        yield earlier
                yield event
                return
            told.add(event["id"])
            yield event


def _is_rejected_start(event: Event) -> bool:
    """Whether there will be no run; a rejected command to a run is about no workflow."""
    data = event.get("data")
    rejected = event.get("type") == EventType.REJECTED
    return rejected and isinstance(data, dict) and bool(data.get("name"))


async def _unordered(
    backend: Backend, clock: Clock, run: str, news: _News
) -> AsyncGenerator[Event, None]:
    """Everything, some of it again and again."""
    silence = SHORTEST_SILENCE
    for known in await _history(backend, run):
        yield known
    while True:
        if await wait_for(news.arrived, silence, clock):
            silence = SHORTEST_SILENCE
            event = news.take()
            if event is not None:
                yield event
            if not news.lost:
                continue
        silence = min(silence * 2, LONGEST_SILENCE)
        for known in await _history_if_reached(backend, clock, run, news):
            yield known


async def _history(backend: Backend, run: str) -> Iterator[Event]:
    found = await backend.events.history(run)
    return (event for event in map(decode, found) if event is not None)


async def _history_if_reached(
    backend: Backend, clock: Clock, run: str, news: _News
) -> Iterator[Event]:
    """It makes up for all that was lost until now."""
    lost = news.lost
    news.make_good()
    try:
        return await _history(backend, run)
    except Unavailable:
        if lost:
            news.lose()
            await clock.sleep(SHORTEST_SILENCE)
        return iter(())  # live news go on once the outside is back
