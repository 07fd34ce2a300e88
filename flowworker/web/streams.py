"""Server-sent events to one client: frames out, a sign of life when there are none.

A client that takes nothing for a while is let go: what waits for it is bounded, and so is the time
for which it may wait.
"""

from __future__ import annotations

__all__ = ["EventStream", "Streams"]

import asyncio
from collections import Counter
from contextlib import aclosing, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from flowworker.errors import FlowworkerError
from flowworker.tasks import cancel_all
from flowworker.telemetry.log import get_logger
from flowworker.web.problems import ApiError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.types import Receive, Scope, Send

HEARTBEAT = 15.0
"""Seconds without an event after which a sign of life is sent: proxies cut what is silent."""

TAKING = 30.0
"""Seconds within which what was sent has to be taken."""

EACH, ALL = 16, 256
"""Streams of one caller, and of all, at a time."""

_HELLO = b"retry: 2000\n\n"
_ALIVE = b": alive\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),
]


class Streams:
    """Those that are open."""

    def __init__(self, count: Callable[[int], object] = lambda _: None) -> None:
        """None; `count` is called with how many there are, whenever that changes."""
        self._count = count
        self._open: Counter[str] = Counter()
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Let all of them end, and those that will be opened."""
        self._ending.set()

    @property
    def count(self) -> int:
        """How many are open."""
        return self._open.total()

    def open(self, caller: str, frames: AsyncGenerator[bytes, None]) -> EventStream:
        """A stream of these frames; raises ApiError if there are too many."""
        if self._open[caller] >= EACH or self.count >= ALL:
            raise ApiError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"too many streams of events are open: {EACH} of one caller, {ALL} in all",
                {"Retry-After": "10"},
            )
        self._open[caller] += 1
        self._count(self.count)
        return EventStream(frames, self._ending, lambda: self._close(caller))

    def _close(self, caller: str) -> None:
        self._open[caller] -= 1
        if not self._open[caller]:
            del self._open[caller]
        self._count(self.count)


class EventStream:
    """An answer that goes on until its frames end, its client leaves, or the process ends."""

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        ending: asyncio.Event,
        close: Callable[[], object],
    ) -> None:
        self._frames = frames
        self._ending = ending
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        del scope
        tasks = {
            asyncio.create_task(self._send(send)),
            asyncio.create_task(self._ending.wait()),
            asyncio.create_task(_left(receive)),
        }
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            with suppress(TimeoutError):
                async with asyncio.timeout(TAKING):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await cancel_all(tasks)
            self._close()

    async def _send(self, send: Send) -> None:
        frames: asyncio.Queue[bytes] = asyncio.Queue(1)
        producing = asyncio.create_task(self._produce(frames))
        said = _HELLO
        try:
            while said:
                async with asyncio.timeout(TAKING):
                    await send({"type": "http.response.body", "body": said, "more_body": True})
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        said = await frames.get()
                except TimeoutError:
                    said = _ALIVE
        except TimeoutError:
            return  # it takes nothing
        finally:
            await cancel_all([producing])

    async def _produce(self, frames: asyncio.Queue[bytes]) -> None:
        try:
            async with aclosing(self._frames) as found:
                async for said in found:
                    await frames.put(said)
        except FlowworkerError as error:  # the client comes back, and gets the reason
            get_logger().info("a stream of events has ended", error=str(error))
        except Exception as error:  # noqa: BLE001 - no traceback reaches a user
            get_logger().error("a stream of events has ended", exc_info=error)
        await frames.put(b"")


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
