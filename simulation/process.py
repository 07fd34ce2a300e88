"""A process of the fleet that may be mistaken about its leases and about what is stored."""

from __future__ import annotations

__all__ = ["Process"]

from typing import TYPE_CHECKING

from flowworker.simulate import process

if TYPE_CHECKING:
    from flowworker.simulate.loop import VirtualLoop
    from simulation.stale_reads import StaleView


_MOMENT = 1.0
"""Seconds."""


class Process(process.Process):
    """One process, from its start to its end.

    Attributes:
        deluded_until: until when it takes its leases for renewed though they are not.
        stale: what it reads while it is connected to a node that was cut off from its peers.
    """

    def __init__(self, name: str, virtual: VirtualLoop, skew: float = 0.0) -> None:
        """It begins with `spawn`; its wall clock is wrong by `skew` seconds."""
        super().__init__(name, virtual, skew)
        self.deluded_until = 0.0
        self.stale: StaleView | None = None
        self._loop = virtual

    def stale_view(self) -> StaleView | None:
        """What it reads now instead of the present, if anything."""
        stale = self.stale
        return None if stale is None or stale.until <= self._loop.moment else stale

    def was_held_up(self) -> bool:
        """Whether it stood still until a moment ago, and may go on with what is out of date."""
        return self.stalled_until > 0.0 and self._loop.moment - self.stalled_until < _MOMENT
