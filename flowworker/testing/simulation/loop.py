"""An event loop without a world outside: when nothing is ready, time jumps to the next timer.

Deterministic, because nothing but the order of the calls decides what happens next: no sockets, no
threads, no clock.
"""

from __future__ import annotations

__all__ = ["Standstill", "VirtualLoop"]

import asyncio

MAX_TURNS = 5_000_000
"""Turns after which a loop is taken to spin for ever."""


class Standstill(BaseException):
    """The loop cannot go on: nobody waits for anything that will ever happen, or all spin."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop on which waiting takes no time.

    Attributes:
        moment: seconds since the loop was made.
        turns: how often it went round.
    """

    def __init__(self) -> None:
        """Begin at moment zero."""
        super().__init__()
        self.moment = 0.0
        self.turns = 0
        self._selector = self  # of events from outside, of which there are none

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self.moment

    def select(self, timeout: float | None) -> list[object]:
        """Let time pass instead of waiting."""
        self.turns += 1
        if timeout is None:
            raise Standstill("nothing is left that could ever happen")
        if self.turns > MAX_TURNS:
            raise Standstill(f"no end after {MAX_TURNS:,} turns: something spins")
        self.moment += timeout
        return []

    def _process_events(self, events: list[object]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody needs to be woken: there are no threads."""
