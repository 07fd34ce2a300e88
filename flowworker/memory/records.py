"""Records in a dict."""

from __future__ import annotations

__all__ = ["MemoryRecords"]

from typing import TYPE_CHECKING

from flowworker.errors import Conflict
from flowworker.memory.checks import check_dotted, check_size
from flowworker.memory.names import Names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.memory.home import Home


class MemoryRecords:
    """The `Records` port. An operation happens at its call and waits for nothing."""

    def __init__(self, home: Home) -> None:
        """Start empty."""
        self._home = home
        self._entries: dict[str, tuple[bytes, int]] = {}
        self._names = Names()
        self._revision = 0

    async def read(self, key: str) -> tuple[bytes, int] | None:
        """Value and revision, or None."""
        return self._entries.get(key)

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """Compare-and-set: the new revision.

        Raises:
            Conflict: the key is at another revision.
        """
        entry = self._entries.get(key)
        current = 0 if entry is None else entry[1]
        if current != revision:
            raise Conflict(f"{key}: expected revision {revision}, found {current}; read it again")
        return self._set(key, value)

    async def put(self, key: str, value: bytes, *, ttl: int = 0) -> int:
        """Write whatever is there: the new revision."""
        revision = self._set(key, value)
        if ttl:
            self._home.after(ttl, lambda: self._expire(key, revision))
        return revision

    async def keys(self, pattern: str) -> list[str]:
        """Existing keys that match."""
        return self._names.matching(pattern)

    async def few(self, patterns: Sequence[str], most: int) -> dict[str, tuple[bytes, int]] | None:
        """Value and revision by key of all that match, or None for more than that."""
        found = (key for pattern in patterns for key in self._names.matching(pattern))
        keys = dict.fromkeys(found)  # in an order that is the same every time
        return None if len(keys) > most else {key: self._entries[key] for key in keys}

    async def purge(self, pattern: str, through: int = 0) -> None:
        """Remove all matching keys."""
        for key in self._names.matching(pattern):
            if not through or self._entries[key][1] <= through:
                self._names.remove(key)
                del self._entries[key]

    def _expire(self, key: str, revision: int) -> None:
        if self._entries.get(key, (b"", 0))[1] == revision:
            self._names.remove(key)
            del self._entries[key]

    def _set(self, key: str, value: bytes) -> int:
        check_size(key, value)
        if key not in self._entries:
            check_dotted(key, "a key")
            self._names.add(key)
        self._revision += 1
        self._entries[key] = (value, self._revision)
        return self._revision
