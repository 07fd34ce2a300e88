"""What comes from outside and becomes a part of a subject: refused if it could reach another."""

from __future__ import annotations

__all__ = ["checked", "checked_subject", "dotted"]

import re

from flowworker.core.ids import KEY
from flowworker.errors import InvalidInput

_UNSAFE = re.compile(r"[\s\x00-\x1f\x7f]|^$|^\.|\.$|\.\.")


def checked_subject(subject: str) -> str:
    """A subject that a user gave, as it is, unless it would break the protocol."""
    if _UNSAFE.search(subject):
        raise InvalidInput(f"not a NATS subject: {subject[:150]!r}")
    return subject


def checked(pattern: re.Pattern[str], value: str, what: str) -> str:
    """The value, if all of it matches."""
    if pattern.fullmatch(value) is None:
        raise InvalidInput(
            f"{what} must be tokens of letters, digits, '_' and '-', found {value[:150]!r}"
        )
    return value


def dotted(value: str, what: str) -> str:
    """The value, if it is tokens joined by dots."""
    if KEY.fullmatch(value) is None:
        checked(KEY, value, f"{what} (joined by dots)")
    return value
