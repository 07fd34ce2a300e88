"""Events of all runs, heard once and passed on to each who listens.

What a listener has not taken yet is bounded, and so is what is kept for those who come back: it is
the same bytes for all of them. Who hears of a gap has missed something, and asks for what is
there now.
"""

from __future__ import annotations

__all__ = ["GAP", "Hub", "Listener", "frame"]

import asyncio
from collections import deque
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

from flowworker.codec.json import encode
from flowworker.errors import FlowworkerError
from flowworker.ports import Incident

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from flowworker.clock import Clock
    from flowworker.web.reach import Fleet

KEPT = 2_000
"""Events that are kept for those who come back, and that one listener may leave waiting."""

KEPT_BYTES = 8 * 1024 * 1024
"""Bytes of them."""

PAUSE = 1.0
"""Seconds between two times that it is tried to listen."""

GAP = b"event: gap\ndata: {}\n\n"


def frame(event: dict[str, Any]) -> bytes:
    """An event as it is sent: its id, and itself as JSON in one line."""
    id_ = str(event.get("id", ""))
    named = b"id: " + id_.encode() + b"\n" if id_.isprintable() and id_ else b""
    return named + b"data: " + encode(event) + b"\n\n"


class Listener:
    """Takes what is passed on, in order; what it leaves waiting is bounded."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._arrived = asyncio.Event()

    def tell(self, said: bytes) -> None:
        """Let it have that; if too much waits, a gap in place of all of it."""
        self._waiting.append(said)
        self._size += len(said)
        if len(self._waiting) > KEPT or self._size > KEPT_BYTES:
            self._waiting.clear()
            self._waiting.append(GAP)
            self._size = len(GAP)
        self._arrived.set()

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """What was passed on, and will be."""
        while True:
            await self._arrived.wait()
            while self._waiting:
                said = self._waiting.popleft()
                self._size -= len(said)
                yield said
            self._arrived.clear()


class Hub:
    """Hears events, as long as `run` runs and somebody has listened."""

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        """Of this fleet."""
        self._fleet = fleet
        self._clock = clock
        self._wanted = asyncio.Event()
        self._listeners: set[Listener] = set()
        self._kept: deque[tuple[str, bytes]] = deque()
        self._size = 0

    async def run(self) -> None:
        """Hear events, until cancelled."""
        await self._wanted.wait()
        while True:
            try:
                await self._hear()
            except FlowworkerError:
                self._miss()  # it cannot be reached; whose business that is says so
            await self._clock.sleep(PAUSE)

    async def _hear(self) -> None:
        incidents = self._fleet.stores.backend.on_incident
        incidents.append(self._note)
        try:
            async with aclosing(self._fleet.client.watch()) as events:
                async for event in events:
                    self._tell(str(event.get("id", "")), frame(event))
        finally:
            incidents.remove(self._note)

    def _note(self, incident: Incident) -> None:
        if incident is Incident.RECONNECTED:
            self._miss()

    def _miss(self) -> None:
        """Something may have been missed: nobody can go on from before it."""
        self._kept.clear()
        self._size = 0
        for listener in self._listeners:
            listener.tell(GAP)

    def _tell(self, id_: str, said: bytes) -> None:
        self._kept.append((id_, said))
        self._size += len(said)
        while len(self._kept) > KEPT or self._size > KEPT_BYTES:
            self._size -= len(self._kept.popleft()[1])
        for listener in self._listeners:
            listener.tell(said)

    @contextmanager
    def listen(self, last: str) -> Iterator[Listener]:
        """One that hears what comes from now on.

        It hears first what came after the event with the id `last`, or of a gap, if that one is
        not kept any more; nothing if it is empty.
        """
        self._wanted.set()
        listener = Listener()
        if last:
            known = [id_ for id_, _ in self._kept]
            if last in known:
                after = len(known) - known[::-1].index(last)
                for _, said in list(self._kept)[after:]:
                    listener.tell(said)
            else:
                listener.tell(GAP)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
