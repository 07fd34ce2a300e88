"""What the key of a limit came to."""

from __future__ import annotations

__all__ = ["key_of"]

from typing import Any

from flowworker.codec.json import encode_sorted
from flowworker.errors import InvalidInput


def key_of(value: Any) -> str:
    """The key as JSON. Numbers that are equal are one key, however senders write them: 1 and 1.0.

    Raises:
        InvalidInput: it is no text, number, true or false; says what was expected and found.
    """
    if not isinstance(value, str | int | float):
        raise InvalidInput(f"expected a text, a number, true or false, found {value!r:.80}")
    is_whole = isinstance(value, float) and value.is_integer()
    return encode_sorted(int(value) if is_whole else value).decode()
