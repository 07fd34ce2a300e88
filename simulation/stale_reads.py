"""Stale reads: what a node answers that was cut off from its peers and does not know it yet.

It answers from what it had, and acknowledges nothing. Each stream has a leader of its own, so the
records may be stale while the history is not, or the other way round.
"""

from __future__ import annotations

__all__ = ["Archive", "StaleRecords", "StaleView"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.memory.names import Names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.ports import StoredEvent
    from flowworker.simulate.loop import VirtualLoop


class StaleRecords:
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
class StaleView:
    """For one process, until that moment of the loop.

    Attributes:
        records: of runs and steps; None if they are up to date.
        histories: events by run; None if they are up to date.
    """

    until: float
    records: StaleRecords | None = None
    histories: Mapping[str, list[StoredEvent]] | None = None


class Archive:
    """Everything that ever was durable of runs, so that it can be shown as it was.

    Attributes:
        pauses: whether a queue or a workflow was ever paused.
    """

    def __init__(self, virtual: VirtualLoop) -> None:
        """Start empty."""
        self.pauses = False
        self._virtual = virtual
        self._records: list[tuple[float, str, tuple[bytes, int] | None]] = []
        self._histories: list[tuple[float, str, list[StoredEvent]]] = []

    def record(self, key: str, entry: tuple[bytes, int] | None) -> None:
        """A record was written or, None, removed."""
        self.pauses |= key.startswith("pause.")
        self._records.append((self._virtual.moment, key, entry))

    def history(self, run: str, events: list[StoredEvent]) -> None:
        """A history has grown, or was dropped."""
        self._histories.append((self._virtual.moment, run, events))

    def records_at(self, moment: float) -> StaleRecords:
        """All records of that moment."""
        latest = {key: entry for at, key, entry in self._records if at <= moment}
        return StaleRecords({key: entry for key, entry in latest.items() if entry is not None})

    def histories_at(self, moment: float) -> dict[str, list[StoredEvent]]:
        """All histories of that moment."""
        return {run: events for at, run, events in self._histories if at <= moment}
