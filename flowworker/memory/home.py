"""The event loop on which a backend lives, and everything in it that happens later.

One task sleeps on the clock until the next alarm is due. There is none while no alarm is set, and
none after `close`: a backend that is closed leaves nothing behind.
"""

from __future__ import annotations

__all__ = ["EARLY", "Alarm", "Home"]

import asyncio
import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.errors import Unavailable
from flowworker.tasks import cancel_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock

EARLY = 1e-6
"""Seconds by which an alarm may come early: the spacing of epoch seconds as floats is 2e-7."""


@dataclass(slots=True, eq=False)
class Alarm:
    """Something that will be called, unless it is cancelled before.

    `wall` is the wall-clock time to wait for, if it is that kind; the clock may be set back while
    the alarm waits.
    """

    callback: Callable[[], None] | None
    wall: float | None = None

    def cancel(self) -> None:
        """Never call it; harmless if it was called."""
        self.callback = None


class Home:
    """Calls back soon, or at a time, on the one loop from which it is used."""

    def __init__(self, clock: Clock) -> None:
        """Take the time from `clock`."""
        self.clock = clock
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._count = 0
        self._sleeper: asyncio.Task[None] | None = None
        self._sleeps_until = -math.inf

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where calls from other threads have to go.

        Raises:
            Unavailable: nothing has happened here yet, so there is no loop.
        """
        if self._loop is None:
            raise Unavailable("the in-memory backend is not in use on any event loop yet")
        return self._loop

    def enter(self) -> asyncio.AbstractEventLoop:
        """Remember the running loop as the one on which everything happens."""
        self._loop = asyncio.get_running_loop()
        return self._loop

    def soon(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call it in one of the loop's next turns, after all that was to be called before."""
        if not self.closed:
            self.enter().call_soon(callback, *arguments)

    def at(self, deadline: float, callback: Callable[[], None]) -> Alarm:
        """Call it when the monotonic clock has come that far."""
        alarm = Alarm(callback)
        self._set(deadline, alarm)
        return alarm

    def at_wall(self, time: float, callback: Callable[[], None]) -> Alarm:
        """Call it when it is that time, epoch seconds, or soon if that is past."""
        alarm = Alarm(callback, time)
        self._set(self.clock.monotonic() + time - self.clock.now(), alarm)
        return alarm

    def after(self, delay: float, callback: Callable[[], None]) -> Alarm:
        """Call it when the monotonic clock has gone on by that many seconds."""
        return self.at(self.clock.monotonic() + delay, callback)

    async def close(self) -> None:
        """Call what was to be called soon, and nothing any more after that."""
        self.closed = True
        self._alarms.clear()
        await asyncio.sleep(0)
        sleeper, self._sleeper = self._sleeper, None
        if sleeper is not None and not sleeper.done():
            await cancel_all([sleeper])

    def _set(self, deadline: float, alarm: Alarm) -> None:
        if self.closed:
            return
        self._count += 1
        heapq.heappush(self._alarms, (deadline, self._count, alarm))
        if self._sleeper is not None and not self._sleeper.done():
            if deadline >= self._sleeps_until:
                return
            self._sleeper.cancel()
        self._sleeps_until = -math.inf
        self._sleeper = self.enter().create_task(self._sleep(), name="memory-alarms")

    async def _sleep(self) -> None:
        while self._alarms:
            self._sleeps_until = self._alarms[0][0]
            await self.clock.sleep(self._sleeps_until - self.clock.monotonic())
            self._sleeps_until = -math.inf  # awake: it will look at what is set meanwhile
            while self._alarms and self._alarms[0][0] <= self.clock.monotonic() + EARLY:
                _, _, alarm = heapq.heappop(self._alarms)
                self._ring(alarm)

    def _ring(self, alarm: Alarm) -> None:
        callback = alarm.callback
        if callback is None:
            return
        if alarm.wall is not None:
            early = alarm.wall - self.clock.now()
            if early > EARLY:
                self._set(self.clock.monotonic() + early, alarm)
                return
        alarm.callback = None
        callback()
