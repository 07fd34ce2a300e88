"""What goes wrong in a world: drawn from its seed, named, and written down.

Each draw follows from the seed, from what it is about, and from how often something was drawn about
that. So a world can be lived again with some of its troubles alone, and all that has nothing to do
with those that are left out is as it was.
"""

from __future__ import annotations

__all__ = ["Trouble", "Troubles"]

import zlib
from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowworker.simulate.loop import VirtualLoop

MOST = 40
"""Troubles of one world; then nothing more goes wrong, so that every run can come to its end."""

_LARGEST = 1 << 64


@dataclass(frozen=True, slots=True)
class Trouble:
    """One of them.

    Attributes:
        key: names it, among those of its seed.
        moment: seconds since the world began.
        text: what went wrong.
    """

    key: str
    moment: float
    text: str


class Troubles:
    """Draws them, and everything else that is drawn."""

    def __init__(
        self, seed: int, virtual: VirtualLoop, only: Collection[str] | None = None
    ) -> None:
        """With `only`, those that have these keys happen, and no others."""
        self.happened: list[Trouble] = []
        self._seed = seed
        self._virtual = virtual
        self._only = only
        self._drawn: Counter[str] = Counter()

    def random_of(self, about: str) -> Random:
        """Something to draw from, another one each time."""
        return Random(self._next(about))

    def happens(self, rate: float, text: str) -> bool:
        """Whether something goes wrong now that does so with that probability."""
        name = self._next(text)
        drawn = int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) / _LARGEST
        if drawn >= rate or len(self.happened) >= MOST:
            return False
        key = f"{zlib.crc32(name.encode()):08x}"
        if self._only is not None and key not in self._only:
            return False
        self.happened.append(Trouble(key, self._virtual.moment, text))
        return True

    def _next(self, about: str) -> str:
        self._drawn[about] += 1
        return f"{self._seed}/{about}/{self._drawn[about]}"
