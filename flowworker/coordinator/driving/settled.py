"""Events that the last rebuild of a run has followed, if the run is not held since.

A run that has ended, or has not begun, is forgotten as soon as it is rebuilt, so each of its events
rebuilds it, with all its history. Somebody may send such a run thousands of commands. A rebuild
follows all that is published by then: for some seconds those need no other one.
"""

from __future__ import annotations

__all__ = ["Settled"]

from typing import TYPE_CHECKING, NamedTuple

from flowworker.core.event_types import EventType

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.codec.senders import Published
    from flowworker.coordinator.history import History

_MOST = 16
"""Runs of which it is remembered."""

_LONGEST = 5.0
"""Seconds: no run that has ended is removed so soon. A rejected start may be, and its id be used
again: but what is sent to a run that has not begun has an id of its own."""


class _Rebuilt(NamedTuple):
    generation: int
    at: float
    history: History


class Settled:
    """Those of one partition."""

    def __init__(self, clock: Clock) -> None:
        """Nothing is known."""
        self._clock = clock
        self._rebuilt: dict[str, _Rebuilt] = {}

    def note(self, run: str, generation: int, history: History) -> None:
        """All of that history was followed, in a view of that generation."""
        self._rebuilt.pop(run, None)
        self._rebuilt[run] = _Rebuilt(generation, self._clock.monotonic(), history)
        if len(self._rebuilt) > _MOST:
            del self._rebuilt[next(iter(self._rebuilt))]

    def covers(self, run: str, generation: int, cause: Published) -> bool:
        """Whether nothing follows from an event; never so of a start, whatever came before it."""
        found = self._rebuilt.get(run)
        if found is None or cause.event.type is EventType.STARTED:
            return False
        if found.generation != generation or self._clock.monotonic() - found.at > _LONGEST:
            del self._rebuilt[run]
            return False
        return cause.event.id in found.history
