"""What time a process believes it is."""

from __future__ import annotations

__all__ = ["EPOCH", "SimClock"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.testing.simulation.process import current_process

if TYPE_CHECKING:
    from flowworker.testing.simulation.loop import VirtualLoop

EPOCH = 1_700_000_000.0
"""Where the wall clock starts: some day in November 2023."""


class SimClock:
    """The `Clock` port on a virtual loop.

    Attributes:
        skew: seconds by which the wall clock is ahead of the true time; may jump.
    """

    def __init__(self, virtual: VirtualLoop, skew: float = 0.0) -> None:
        """Tell the loop's time."""
        self.skew = skew
        self._virtual = virtual

    def now(self) -> float:
        """Seconds since the Unix epoch, as this clock has it."""
        return EPOCH + self._virtual.moment + self.skew

    def monotonic(self) -> float:
        """Seconds since the loop was made."""
        return self._virtual.moment

    async def sleep(self, seconds: float) -> None:
        """Wait; whoever stands still meanwhile wakes later."""
        process = current_process()
        if process is None:
            await self._virtual.pause(seconds)
            return
        if seconds <= 0:
            await asyncio.sleep(0)
        await process.wait(seconds)
