"""How much an expression may be, take and give, so that a hostile one costs a bounded time.

The library itself adds: 32 levels of nesting in the text, and 10,000 turns of all loops together.
"""

from __future__ import annotations

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "MAX_LOOPS", "MAX_RESULT", "MAX_VALUES"]

MAX_LENGTH = 4_096
"""Characters of one expression."""

MAX_LOOPS = 3
"""How deep loops may be nested."""

MAX_DEPTH = 100
"""How deep lists and maps that an expression names may be nested."""

MAX_VALUES = 4_000_000
"""The size of what an expression names: a unit for each value, one for each character."""

MAX_RESULT = 4_000_000
"""The size of its result, in the same units."""
