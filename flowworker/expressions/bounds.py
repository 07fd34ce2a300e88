"""How much an expression may be, and how much work its evaluation may take.

Work is counted, not timed: whether an expression has a value does not depend on the machine. A
unit is what takes about a microsecond: a part of the expression evaluated once, a turn of a loop,
an item that is compared or copied, some hundred characters that are.

The library adds 32 levels of nesting in the text.
"""

from __future__ import annotations

__all__ = ["MAX_DEPTH", "MAX_EXPRESSIONS", "MAX_LENGTH", "MAX_LOOPS", "MAX_WORK", "Work"]

from flowworker.expressions.failure import Failure

MAX_LENGTH = 4_096
"""Characters of one expression."""

MAX_EXPRESSIONS = 1_000
"""Expressions in one value."""

MAX_LOOPS = 3
"""How deep loops may be nested."""

MAX_DEPTH = 100
"""How deep lists and maps in a result may be nested."""

MAX_WORK = 500_000
"""Units of work that one evaluation may take, of all expressions in a value, with the result."""

_READ = 1_000
"""Characters that are read in a unit: by a search in a text."""

_MADE = 100
"""Characters that are made in a unit. So what an evaluation makes is bounded in memory as well."""


class Work:
    """Counts down what an evaluation may still do."""

    def __init__(self) -> None:
        self._left = MAX_WORK

    def spend(self, units: int = 1) -> None:
        """Do so much.

        Raises:
            Failure: it is more than what is left.
        """
        self._left -= units
        if self._left < 0:
            raise Failure(f"it takes too long: more than {MAX_WORK:,} units of work")

    def read(self, text: str) -> None:
        """Search in a text."""
        self.spend(1 + len(text) // _READ)

    def make(self, characters: int) -> None:
        """Make a text."""
        self.spend(1 + characters // _MADE)
