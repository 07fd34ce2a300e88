"""Presences in a dict: what has ended is left out when somebody looks."""

from __future__ import annotations

__all__ = ["MemoryPresences"]

from typing import TYPE_CHECKING

from flowworker.memory.checks import check_dotted, check_size
from flowworker.memory.subjects import matches
from flowworker.ports import Entry

if TYPE_CHECKING:
    from flowworker.memory.home import Home


class MemoryPresences:
    """The `Presences` port."""

    def __init__(self, home: Home) -> None:
        """Start with nobody."""
        self._home = home
        self._entries: dict[str, tuple[bytes, float, float]] = {}

    async def put(self, key: str, value: bytes, ttl: int) -> None:
        """Show it for so many seconds."""
        check_dotted(key, "the key of a presence")
        check_size(key, value)
        now = self._home.clock.now()
        self._entries[key] = value, now, now + ttl

    async def remove(self, key: str) -> None:
        """Show it no more."""
        self._entries.pop(key, None)

    async def entries(self, pattern: str) -> list[Entry]:
        """All that are shown."""
        now = self._home.clock.now()
        self._entries = {key: one for key, one in self._entries.items() if now < one[2]}
        return [
            Entry(key, value, time, max(now - time, 0.0))
            for key, (value, time, _) in sorted(self._entries.items())
            if matches(pattern, key)
        ]
