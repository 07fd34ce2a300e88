"""Which messages came twice, as far back as JetStream remembers by default."""

from __future__ import annotations

__all__ = ["COMMANDS_WINDOW", "Window"]

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowworker.clock import Clock

DEDUPE_WINDOW = 120.0
"""Seconds for which a message id is remembered."""
COMMANDS_WINDOW = 10.0
"""The same for commands: the streams' settings are the same."""


class Window:
    """The ids of late, each with the sequence under which it was stored first."""

    def __init__(self, clock: Clock, seconds: float = DEDUPE_WINDOW) -> None:
        """Remember ids for so long, by that clock."""
        self._clock = clock
        self._seconds = seconds
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def find(self, message_id: str) -> int | None:
        """The sequence of the first message with this id, or None."""
        now = self._clock.monotonic()
        while self._seen:
            oldest, (end, _) = next(iter(self._seen.items()))
            if end > now:
                break
            del self._seen[oldest]
        entry = self._seen.get(message_id)
        return None if entry is None else entry[1]

    def remember(self, message_id: str, sequence: int) -> None:
        """Enter a message that `find` did not know."""
        self._seen[message_id] = (self._clock.monotonic() + self._seconds, sequence)
