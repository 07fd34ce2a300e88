"""A server that may lose what it has acknowledged, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flowworker.memory.names import Names
from flowworker.ports import Backend, Tail


class Unflushed:
    """A server that is started anew when a test says so.

    Attributes:
        backend: another one, with a tail of it.
    """

    def __init__(self, backend: Backend, seconds: float = 60.0) -> None:
        """It is started for the first time."""
        self.incarnation = "first"
        self._records: Any = backend.runs
        tail = Tail(seconds, lambda: self.incarnation, self._changed)
        self.backend = replace(backend, tail=tail)

    async def _changed(self, pattern: str, since: Mapping[int, int]) -> list[str]:
        names, revision = Names(), min(since.values())
        for key, (_, written) in self._records._entries.items():
            if written >= revision:
                names.add(key)
        return names.matching(pattern)
