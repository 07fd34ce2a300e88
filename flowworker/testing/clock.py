"""A clock that stands still until a test moves it."""

from __future__ import annotations

__all__ = ["ManualClock"]

import asyncio
import heapq

EPOCH = 1_700_000_000.0
"""Where the wall clock starts: some day in November 2023."""

MAX_TURNS = 100_000
"""Turns of the loop after which it is taken to spin for ever."""

BLIND_TURNS = 100
"""Turns to give a loop that does not show whether anything is ready to run."""


class ManualClock:
    """The `Clock` port, moved by `advance` alone.

    Everything between two moments happens on the event loop and nowhere else: what threads or
    sockets do takes real time, which this clock knows nothing of.
    """

    def __init__(self, epoch: float = EPOCH) -> None:
        """Start at `epoch`, seconds since the Unix epoch."""
        self._epoch = epoch
        self._elapsed = 0.0
        self._count = 0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return self._epoch + self._elapsed

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was moved that far; a zero or negative time yields once."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._elapsed + seconds, self._count, woken))
        await woken

    def jump(self, seconds: float) -> None:
        """Set the wall clock alone, as an operator or NTP does; negative is backwards."""
        self._epoch += seconds

    async def advance(self, seconds: float) -> None:
        """Let that much time pass.

        Sleepers are woken at their moment, in the order in which they fell asleep if that is
        the same, and the loop runs until it is quiet before time goes on: also before the first
        moment, so that tasks just created get to their first sleep.
        """
        end = self._elapsed + seconds
        await settle()
        while (moment := self._next()) is not None and moment <= end:
            self._elapsed = max(self._elapsed, moment)
            while self._next() == moment:
                heapq.heappop(self._sleepers)[2].set_result(None)
            await settle()
        self._elapsed = end

    def _next(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None


async def settle() -> None:
    """Let the loop run until nothing is ready to run on it.

    Raises:
        RuntimeError: something keeps it busy without ever waiting.
    """
    # asyncio's own loops show what is ready; others, like uvloop, get a number of turns.
    ready = getattr(asyncio.get_running_loop(), "_ready", None)
    for turn in range(MAX_TURNS):
        await asyncio.sleep(0)
        if not ready if ready is not None else turn >= BLIND_TURNS:
            return
    raise RuntimeError(f"the event loop is not quiet after {MAX_TURNS:,} turns: something spins")
