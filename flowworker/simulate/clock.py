"""The time as a process of a world has it."""

from __future__ import annotations

__all__ = ["EPOCH", "SimClock"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.testing.clock import EPOCH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.simulate.loop import VirtualLoop


class SimClock:
    """The `Clock` port on a virtual loop.

    Attributes:
        skew: seconds by which the wall clock is ahead of the true time; may jump.
    """

    def __init__(
        self,
        virtual: VirtualLoop,
        skew: float = 0.0,
        wait: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        """Show the loop's time; `wait` lets it pass for all that use the clock."""
        self.skew = skew
        self._virtual = virtual
        self._wait = wait or virtual.pause

    def now(self) -> float:
        """Seconds since the Unix epoch, as this clock has it."""
        return EPOCH + self._virtual.moment + self.skew

    def monotonic(self) -> float:
        """Seconds since the loop was made."""
        return self._virtual.moment

    async def sleep(self, seconds: float) -> None:
        """Wait; a zero or negative time yields once."""
        if seconds <= 0:
            await asyncio.sleep(0)
        await self._wait(seconds)
