"""Durations as people write them: `100ms`, `1h30m`, `2.5s`, `2d`; a plain number is seconds."""

from __future__ import annotations

__all__ = ["DURATION_PATTERN", "format_duration", "parse_duration"]

import re
from decimal import Decimal
from typing import Final

from flowworker.core.model import MAX_SECONDS
from flowworker.definitions.tree import quoted
from flowworker.errors import InvalidInput

# Go's units (time.ParseDuration), days and weeks.
_UNITS: Final[dict[str, Decimal]] = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "\u00b5s": Decimal("1e-6"),  # micro sign
    "\u03bcs": Decimal("1e-6"),  # Greek letter mu
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86_400),
    "w": Decimal(604_800),
}
_PART = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h|d|w)"
DURATION_PATTERN = f"^(0|({_PART})+)$"
"""What a duration looks like as text, for the JSON Schema of definitions."""

_EXAMPLES = "such as 500ms, 30s or 1h30m"
_WRITTEN: Final = ("d", "h", "m")


def parse_duration(value: str | float) -> float:
    """Seconds, from a text with units or a number of seconds.

    Raises:
        InvalidInput: not a duration, negative, or longer than `MAX_SECONDS`.
    """
    seconds = _seconds_of(value) if isinstance(value, str) else value
    if not 0 <= seconds <= MAX_SECONDS:
        raise InvalidInput(
            f"expected a duration from 0 to {format_duration(MAX_SECONDS)}, found {value!s:.80} "
            "(numbers without a unit are seconds)"
        )
    return float(seconds)


def _seconds_of(text: str) -> float:
    if not re.fullmatch(DURATION_PATTERN, text):
        raise InvalidInput(f"expected a duration {_EXAMPLES}, found {quoted(text)}")
    return float(sum(Decimal(amount) * _UNITS[unit] for amount, unit in re.findall(_PART, text)))


def format_duration(seconds: float) -> str:
    """Days, hours, minutes and the rest, as a text that parses to the same number.

    `seconds` is finite and not negative.
    """
    rest = Decimal(repr(seconds))
    parts = []
    for unit in _WRITTEN:
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count:f}{unit}")
    if rest or not parts:
        unit = "s" if parts or rest >= 1 or not rest else _small_unit(rest)
        parts.append(f"{(rest / _UNITS[unit]).normalize():f}{unit}")
    return "".join(parts)


def _small_unit(seconds: Decimal) -> str:
    return next(unit for unit in ("ms", "us", "ns") if seconds >= _UNITS[unit] or unit == "ns")
