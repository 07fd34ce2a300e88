"""The thread that renews claims: its event loop, its connection, its tasks."""

from __future__ import annotations

__all__ = ["HeartbeatThread"]

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from flowworker.errors import Conflict
from flowworker.tasks import TaskSet, wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from structlog.typing import FilteringBoundLogger

    from flowworker.ports import HeartbeatLink

T = TypeVar("T")

_CLOSE_LIMIT = 2.0
"""Seconds that a connection may take to close."""


class HeartbeatThread:
    """Calls `beat` at every tick until it is stopped or the main loop is closed.

    It starts at once. Methods are for its own thread, except for `stop`.

    Attributes:
        main: the event loop that started it.
    """

    def __init__(
        self,
        beat: Callable[[HeartbeatThread], None],
        tick: float,
        open_link: Callable[[], Awaitable[HeartbeatLink]],
        log: FilteringBoundLogger,
    ) -> None:
        """Start the thread. The running loop is the main one."""
        self._beat = beat
        self._tick = tick
        self._open_link = open_link
        self._log = log
        self._link: HeartbeatLink | None = None
        self._opening = asyncio.Lock()
        self._tasks = TaskSet()
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self.main = asyncio.get_running_loop()
        self._loop: asyncio.AbstractEventLoop = self.main
        self._begin()

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run it beside the ticks."""
        self._tasks.spawn(coroutine)

    async def over_link(self, call: Callable[[HeartbeatLink], Awaitable[T]]) -> T:
        """What `call` returns, over a connection that is opened if need be.

        A connection on which something fails, or takes too long, is not used again.
        """
        async with self._opening:
            link = self._link = self._link or await self._open_link()
        try:
            return await call(link)
        except Conflict:
            raise
        except BaseException:
            if self._link is link:
                self._link = None
                self.start(self._close(link))
            raise

    def on_main(self, callback: Callable[..., object], *arguments: object) -> None:
        """Call it on the main loop, unless that is closed."""
        with suppress(RuntimeError):
            self.main.call_soon_threadsafe(callback, *arguments)

    async def stop(self) -> None:
        """End the thread and its tasks. Called on the main loop."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stopping.set)
        await self._ended.wait()

    def _begin(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, name="flowworker-heartbeat", daemon=True).start()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._live())
        finally:
            self.on_main(self._ended.set)

    async def _live(self) -> None:
        while not self._stopping.is_set() and not self.main.is_closed():
            try:
                self._beat(self)
            except Exception:  # noqa: BLE001  # claims depend on it
                self._log.exception("heartbeat failed, goes on")
            await wait_for(self._stopping, self._tick)
        await self._tasks.close()
        if self._link is not None:
            await self._close(self._link)

    async def _close(self, link: HeartbeatLink) -> None:
        with suppress(Exception):
            async with asyncio.timeout(_CLOSE_LIMIT):
                await link.close()
