"""The only reader of time. Everything else is handed a `Clock`, which tests and simulation move."""

from __future__ import annotations

__all__ = ["Clock", "SystemClock"]

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Says what time it is, and waits.

    * `now` is wall-clock time: seconds since the Unix epoch, UTC, as a float. It may jump.
    * `monotonic` never goes back; its origin means nothing.
    * `sleep` returns after at least that many seconds of `monotonic`, or raises CancelledError.
    """

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; a zero or negative time yields to the event loop once."""
        ...


class SystemClock:
    """The machine's own clocks, which each step asks dozens of times: no function in between."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        """Wait with the event loop's timer."""
        await asyncio.sleep(max(seconds, 0.0))
