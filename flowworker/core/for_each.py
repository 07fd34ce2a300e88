"""What a definition says of a loop (a part of `model`)."""

from __future__ import annotations

__all__ = ["ForEach"]

import math
from fractions import Fraction
from typing import Any

from msgspec import Struct, field


class ForEach(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A step is a loop: it is done once for each item.

    Attributes:
        items: an expression that gives a list or a map; or these as they are, in which texts with
            `${…}` are evaluated.
        as_: `as`: the name of the item in expressions.
        max_parallel: how many instances are begun and not over, at most; None for no limit.
        tolerated_failures: how many may fail: a number, or a percentage of all as a text.
    """

    items: Any
    as_: str = field(default="item", name="as")
    max_parallel: int | None = None
    tolerated_failures: int | str = 0

    def tolerates(self, count: int) -> int:
        """How many of so many instances may fail."""
        if isinstance(self.tolerated_failures, int):
            return self.tolerated_failures
        percent = Fraction(self.tolerated_failures.removesuffix("%"))
        return math.floor(count * percent / 100)
