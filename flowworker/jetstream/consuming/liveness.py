"""When the consumer of a server last sent something, as opposed to the server itself."""

from __future__ import annotations

__all__ = ["Liveness"]

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowworker.clock import Clock


class Liveness:
    """What came since the last tick.

    Attributes:
        last: when something came, or nothing was asked for (monotonic seconds).
    """

    def __init__(self, clock: Clock) -> None:
        """Begin as if something had just come."""
        self.last = clock.monotonic()
        self._clock = clock
        self._heard = self._answered = False

    def note(self, *, answered: bool) -> None:
        """Something came; `answered` unless the server says that there is no consumer."""
        self._heard = True
        self._answered = self._answered or answered

    def tick(self, *, idle: bool) -> bool:
        """Whether there was silence since the last tick; there is none if nothing was asked for."""
        silent = not (idle or self._heard)
        if idle or self._answered:
            self.last = self._clock.monotonic()
        self._heard = self._answered = False
        return silent
