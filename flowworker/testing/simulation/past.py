"""What a node still shows that was cut off from its peers and does not know it yet: the past.

It answers from what it had, and acknowledges nothing. Each stream has a leader of its own, so the
records may be outdated while the history is not, or the other way round.
"""

from __future__ import annotations

__all__ = ["Past", "PastRecords", "histories_now", "records_now"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.memory.names import Names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.ports import EventLog, Records


class PastRecords:
    """Records as they were."""

    def __init__(self, entries: Mapping[str, tuple[bytes, int]]) -> None:
        """Value and revision by key."""
        self._entries = entries
        self._names = Names()
        for key in entries:
            self._names.add(key)

    def read(self, key: str) -> tuple[bytes, int] | None:
        """Value and revision, or None."""
        return self._entries.get(key)

    def keys(self, pattern: str) -> list[str]:
        """Keys that match."""
        return self._names.matching(pattern)


@dataclass(frozen=True, slots=True)
class Past:
    """For one process, until that moment of the loop.

    Attributes:
        records: of runs and steps; None if they are up to date.
        histories: events by run; None if they are up to date.
    """

    until: float
    records: PastRecords | None = None
    histories: Mapping[str, list[bytes]] | None = None


async def records_now(records: Records) -> PastRecords:
    """All that there is at this moment."""
    found = {key: await records.read(key) for key in await records.keys(">")}
    return PastRecords({key: entry for key, entry in found.items() if entry is not None})


async def histories_now(events: EventLog, runs: list[str]) -> dict[str, list[bytes]]:
    """The histories of these runs at this moment."""
    return {run: await events.history(run) for run in runs}
