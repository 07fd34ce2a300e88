"""How rules say that something does not hold, or cannot be known."""

from __future__ import annotations

__all__ = ["UNKNOWN", "Violation", "expect"]

from typing import Any, Final

UNKNOWN: Final[Any] = object()
"""A value that only those know who sent it."""


class Violation(Exception):
    """An invariant does not hold; the message says which, and where."""


def expect(holds: object, what: str, about: object = "") -> None:
    """Raise Violation unless it holds."""
    if not holds:
        raise Violation(f"{what}: {about}" if about != "" else what)
