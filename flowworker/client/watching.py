"""Events as they happen.

For one run nothing is missed and nothing is told twice, although live news are sent at most once:
it subscribes before it reads the history, tells events by their id, reads the history again after
a silence, and once more before the last event.
"""

from __future__ import annotations

__all__ = ["decode", "watch_all", "watch_run"]

import asyncio
from collections import deque
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.core.commands import EventType
from flowworker.core.ids import partition_of
from flowworker.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from flowworker.clock import Clock
    from flowworker.ports import Backend

SHORTEST_SILENCE, LONGEST_SILENCE = 1.0, 10.0
"""Seconds without news after which the history is read again."""
DEFAULT_NAMESPACE = "flowworker"
"""The one whose events are told under their bare types."""
BACKLOG = 10_000
"""Events that may wait for a slow reader before the oldest are dropped."""

_ENDS = frozenset({EventType.COMPLETED, EventType.FAILED, EventType.CANCELLED})

Event = dict[str, Any]


def decode(raw: bytes) -> Event | None:
    """An event, or None for what is not one."""
    try:
        event = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("id"), str) else None


class _News:
    """Events that came and were not told yet."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=BACKLOG)
        self._arrived = asyncio.Event()

    def put(self, _subject: str, data: bytes) -> None:
        event = decode(data)
        if event is not None:
            self._events.append(event)
            self._arrived.set()

    async def get(self) -> Event:
        while not self._events:
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()


@asynccontextmanager
async def _subscribed(backend: Backend, subject: str) -> AsyncIterator[_News]:
    news = _News()
    unsubscribe = await backend.notifier.subscribe(subject, news.put)
    try:
        yield news
    finally:
        unsubscribe()


async def watch_all(backend: Backend) -> AsyncGenerator[Event, None]:
    """Events of all runs from now on, at most once each."""
    namespace = backend.namespace
    subject = "workflow.>" if namespace == DEFAULT_NAMESPACE else f"{namespace}.workflow.>"
    async with _subscribed(backend, subject) as news:
        while True:
            yield await news.get()


async def watch_run(backend: Backend, clock: Clock, run: str) -> AsyncGenerator[Event, None]:
    """Events of one run from its first to its last, each once."""
    partition = partition_of(run, backend.events.partitions)
    subject = f"{backend.namespace}.event.{partition}.{run}.>"
    told: set[str] = set()
    async with (
        _subscribed(backend, subject) as news,
        aclosing(_unordered(backend, clock, run, news)) as events,
    ):
        async for event in events:
            if event["id"] in told:
                continue
            if event.get("type") in _ENDS or _is_rejected_start(event):
                for earlier in await _history(backend, run):
                    if earlier["id"] not in told | {event["id"]}:
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
    waiting: asyncio.Task[Event] | None = None
    for event in await _history(backend, run):
        yield event
    try:
        while True:
            waiting = waiting or asyncio.create_task(news.get())
            bell = asyncio.ensure_future(clock.sleep(silence))
            await asyncio.wait({waiting, bell}, return_when=asyncio.FIRST_COMPLETED)
            bell.cancel()
            if waiting.done():
                silence = SHORTEST_SILENCE
                event, waiting = waiting.result(), None
                yield event
                continue
            silence = min(silence * 2, LONGEST_SILENCE)
            for event in await _history_if_reached(backend, run):
                yield event
    finally:
        if waiting is not None:
            waiting.cancel()


async def _history(backend: Backend, run: str) -> list[Event]:
    found = (decode(raw) for raw in await backend.events.history(run))
    return [event for event in found if event is not None]


async def _history_if_reached(backend: Backend, run: str) -> list[Event]:
    try:
        return await _history(backend, run)
    except Unavailable:
        return []  # live news go on once the outside is back
