"""Moments as people write them: RFC 3339, such as `2030-01-31T08:00:00Z`."""

from __future__ import annotations

__all__ = ["is_moment", "parse_moment"]

import re
from datetime import datetime

from flowworker.core.records import MAX_MOMENT
from flowworker.definitions.tree import quoted
from flowworker.errors import InvalidInput

_DATE = re.compile(r"\d{4}-\d\d-\d\d(?!\d)", re.ASCII)
_FORM = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def is_moment(text: str) -> bool:
    """Whether it is meant as one: it begins with a date, as no expression that makes sense does."""
    return _DATE.match(text) is not None


def parse_moment(value: str | float) -> float:
    """Seconds since the Unix epoch, from a text or from a number of just these.

    Raises:
        InvalidInput: not a moment, or one that no record can hold.
    """
    moment = _moment_of(value) if isinstance(value, str) else value
    if not 0 <= moment <= MAX_MOMENT:
        raise InvalidInput(f"expected a moment from 1970 on, found {value!s:.80}")
    return float(moment)


def _moment_of(text: str) -> float:
    if _FORM.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper().replace(" ", "T")).timestamp()
        except ValueError:  # no such day or time
            pass
    example = "such as 2030-01-31T08:00:00Z"
    raise InvalidInput(f"expected a moment with its time zone, {example}, found {quoted(text)}")
