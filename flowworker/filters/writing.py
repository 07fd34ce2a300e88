"""A filter -> its text, with times that stay what they are: `-2h` means something else later."""

from __future__ import annotations

__all__ = ["write_filter"]

from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from flowworker.filters.filter import ORDERED

if TYPE_CHECKING:
    from flowworker.filters.filter import Condition, Filter

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:/@")


def write_filter(wanted: Filter) -> str:
    """What `parse_filter` reads as the same filter, times up to a microsecond."""
    return " ".join(map(_written, wanted.conditions))


def _written(one: Condition) -> str:
    if one.field in ORDERED:
        return f"{one.field}{one.operator}{_moment(one.moment)}"
    return f"{one.field}{one.operator}{','.join(map(_value, one.values))}"


def _value(text: str) -> str:
    return text if text and _BARE.issuperset(text) else f'"{text}"'


def _moment(at: float) -> str:
    """Rounded up, so that what was created at that moment was not created after it."""
    moment = _EPOCH + timedelta(microseconds=ceil(at * 1e6))
    return moment.isoformat().replace("+00:00", "Z")
