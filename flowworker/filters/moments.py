"""Times in filters: a day or a moment in UTC unless it says otherwise, or how long ago it was."""

from __future__ import annotations

__all__ = ["parse_time"]

import re
from datetime import UTC, datetime

from flowworker.core.records import MAX_MOMENT

_AGO = re.compile(r"-([0-9]+)([smhdw])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?)?",
    re.ASCII,
)


def parse_time(text: str, now: float) -> float | None:
    """Seconds since the Unix epoch, 0 for what was before; None if it is no time."""
    if ago := _AGO.fullmatch(text):
        return max(now - int(ago[1][:12]) * _UNITS[ago[2]], 0.0)
    if _MOMENT.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
        at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):  # no such day or time
        return None
    return min(max(at, 0.0), MAX_MOMENT)
