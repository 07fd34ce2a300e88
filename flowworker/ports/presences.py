"""Who is there at this moment: for people, and for no decision about a run."""

from __future__ import annotations

__all__ = ["Entry", "Presences"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Entry:
    """What a process has said of itself.

    Attributes:
        time: when it was stored, epoch seconds, by the server's clock.
        age: seconds since then, by the same clock.
    """

    key: str
    value: bytes
    time: float
    age: float


class Presences(Protocol):
    """Entries that end by themselves unless they are put again.

    * An entry is shown until it is removed, or `ttl` seconds have passed since it was put last, and
      a few seconds longer at most. Only the server's clock counts.
    * Nothing is compared: the last one to put an entry wins. Each key has one process that puts it.
    * Keys are those of `codec.presence`; patterns use `*` and a final `>`.
    """

    async def put(self, key: str, value: bytes, ttl: int) -> None:
        """Show it for so many whole seconds, at least 1."""
        ...

    async def remove(self, key: str) -> None:
        """Show it no more; none is fine."""
        ...

    async def entries(self, pattern: str) -> Sequence[Entry]:
        """All that are shown at this moment, in the order of their keys."""
        ...
