"""How often somebody may ask: a bucket of tokens for each, refilled as time passes."""

from __future__ import annotations

__all__ = ["Rate", "Rates"]

from collections import OrderedDict
from dataclasses import dataclass

KNOWN = 4_096
"""Callers of whom it is remembered how often they have asked; the one who asked least lately is
forgotten first."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second on average, and so many at once."""

    per_second: float
    at_once: int


class Rates:
    """Of all callers, each by its own key."""

    def __init__(self, rate: Rate) -> None:
        """Let each ask as often as that."""
        self._rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str, now: float, cost: float = 1.0) -> float:
        """0 if it may ask now, which then counts; else seconds after which it may."""
        rate = self._rate
        left, since = self._left.get(key, (float(rate.at_once), now))
        left = min(float(rate.at_once), left + (now - since) * rate.per_second)
        lacks = max(cost - left, 0.0)
        if not lacks:
            left -= cost
        self._left[key] = left, now
        self._left.move_to_end(key)
        if len(self._left) > KNOWN:
            self._left.popitem(last=False)
        return lacks / rate.per_second
