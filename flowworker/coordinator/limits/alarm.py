"""When to look again at a limit: in one process, and lost with it.

Nothing durable says so. Who waits for a limit is looked after by the sweep of another coordinator,
as soon as it has taken over what the dead one drove; that one's runs wait as long.
"""

from __future__ import annotations

__all__ = ["Alarm"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.tasks import cancel_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock

_LEAST = 0.001
"""Seconds for which a loop can sleep."""


class Alarm:
    """Goes off once, at the moment that was set last."""

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        """Call `ring` when it goes off."""
        self._clock = clock
        self._ring = ring
        self._at = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def is_set(self) -> bool:
        """Whether it is still to go off."""
        return self._task is not None and not self._task.done()

    def set(self, at: float) -> None:
        """Go off at that time (epoch seconds), and not when it was said before; 0.0 for never."""
        if self.is_set and at == self._at:
            return
        if self._task is not None:
            self._task.cancel()
        self._at = at
        self._task = asyncio.create_task(self._go_off(at)) if at else None

    async def stop(self) -> None:
        """Never go off."""
        if self._task is not None:
            await cancel_all([self._task])

    async def _go_off(self, at: float) -> None:
        while (left := at - self._clock.now()) > 0.0:
            await self._clock.sleep(max(left, _LEAST))  # a loop's timers may go off early
        self._ring()
