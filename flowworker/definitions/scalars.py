"""What a plain YAML scalar means: the core schema of YAML 1.2, of which JSON is a part.

PyYAML follows YAML 1.1, where `no` is false, `1:30` is 90 and `1e3` is a text.
"""

from __future__ import annotations

__all__ = ["MAX_NUMBER_LENGTH", "resolve"]

import math
import re
from typing import Final

MAX_NUMBER_LENGTH = 64
"""Longer numbers are refused, since Python takes long to convert them."""

_CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


def resolve(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar.

    Raises:
        ValueError: it is a number that JSON messages cannot carry.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("JSON has no such number")
    integer = _INTEGER.fullmatch(text)
    if not integer and not _FLOAT.fullmatch(text):
        return text
    if len(text) > MAX_NUMBER_LENGTH:
        raise ValueError(f"a number has at most {MAX_NUMBER_LENGTH} characters")
    value = _integer(text) if integer else float(text)
    if isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
        raise ValueError("an integer has at most 64 bits")
    if math.isinf(value):
        raise ValueError("a number is at most 1.8e308")
    return value


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)
