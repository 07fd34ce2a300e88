"""How a world ended."""

from __future__ import annotations

__all__ = ["Outcome"]

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter


@dataclass(frozen=True)
class Outcome:
    """How a world ended.

    Attributes:
        violations: what did not hold; empty if all is well.
        moment: seconds that passed in it.
        digest: of its trace, if that was kept; the same for the same history of the world.
    """

    seed: int
    runs: int
    violations: tuple[str, ...]
    moment: float
    turns: int
    faults: Counter[str] = field(repr=False)
    seen: Counter[str] = field(repr=False)
    constructs: Counter[str] = field(repr=False)
    digest: str = ""
    trace: tuple[str, ...] = field(default=(), repr=False)
