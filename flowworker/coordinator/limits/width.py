"""How wide the gates of queues are: how many attempts are let into a lane at a time.

A little more than its workers have slots for, so that none is idle while the next one is let in;
and no more, since in the lane itself it is the first who came that is first. It follows from what
workers say of themselves. If that is old or wrong, slots stay idle or turns come later, and nothing
else.
"""

from __future__ import annotations

__all__ = ["Widths"]

from contextlib import suppress
from typing import TYPE_CHECKING

from flowworker.codec.presence import workers_of
from flowworker.core.limit import MAX_CONCURRENCY
from flowworker.errors import FlowworkerError
from flowworker.telemetry.present import present

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.ports import Presences

_LEAST = 16
_PER_SLOT = 2

_FRESH, _SOON = 5.0, 1.0
"""Seconds for which what workers have said is good enough, and that there is none."""


class Widths:
    """Of all queues, as one process knows them."""

    def __init__(self, presences: Presences, clock: Clock) -> None:
        """Ask who is there when it is needed."""
        self._presences = presences
        self._clock = clock
        self._known: dict[str, tuple[int, float]] = {}

    async def of(self, queue: str) -> int:
        """Attempts that may be in a lane of a queue."""
        width, old_at = self._known.get(queue, (_LEAST, 0.0))
        now = self._clock.now()
        if now >= old_at:
            self._known[queue] = width, now + _FRESH  # others need not ask meanwhile
            with suppress(FlowworkerError):  # what was known holds on
                there = present(await self._presences.entries(workers_of(queue)))
                slots = there.slots.get(queue, 0)
                width = min(MAX_CONCURRENCY, max(_LEAST, _PER_SLOT * slots))
                self._known[queue] = width, now + (_FRESH if slots else _SOON)
        return width
