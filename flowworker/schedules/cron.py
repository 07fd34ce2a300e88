"""Cron expressions in local time: five fields, or six with the seconds before them.

By `cronsim`, which does as Debian's cron does. Where the clocks are changed:

* An expression that says which minute and which hour (neither begins with `*`) has each of its
  times once a day. One that does not exist, since the clocks go forward, is the first moment after
  the gap. Of one that comes twice, since they go back, the first counts.
* Any other goes by time as it passes: it has no time in an hour that does not exist, and has those
  of an hour that comes twice in both.

Seconds are added to what the other five fields come to, so that both hold for six fields as well.
"""

from __future__ import annotations

__all__ = ["check_cron", "cron_times"]

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cronsim import CronSim, CronSimError

from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

_FIELDS = ("second", "minute", "hour", "day of the month", "month", "day of the week")
_WITH_SECONDS = len(_FIELDS)
_LONGEST = 200
"""Characters of an expression."""
_LAST_YEAR = 8000
"""No time is later: records hold moments up to the year 8307."""


def check_cron(text: str) -> None:
    """Raise InvalidInput for what is no cron expression, or one that has no time."""
    if len(text) > _LONGEST:
        raise InvalidInput(f"expected a cron expression of at most {_LONGEST} characters")
    fields = text.split()
    if len(fields) not in {_WITH_SECONDS, _WITH_SECONDS - 1}:
        raise InvalidInput(
            "expected a cron expression of five fields (minute, hour, day of the month, month, "
            "day of the week), or of six with the seconds before them, found "
            f"{len(fields)} in {text!r}"
        )
    for name, alone in zip(_FIELDS[-len(fields) :], _each_alone(fields), strict=True):
        try:
            _parsed(" ".join(alone))
        except CronSimError:
            wrong = fields[_FIELDS[-len(fields) :].index(name)]
            raise InvalidInput(
                f"cron {text!r}: {wrong!r} is no {name}: expected {_EXPECTED[name]}"
            ) from None
    try:
        next(iter(_parsed(text)))
    except (CronSimError, StopIteration):
        raise InvalidInput(f"cron {text!r} has no time: no month has such a day") from None


_EXPECTED = {
    "second": "0 to 59, *, lists, ranges and steps",
    "minute": "0 to 59, *, lists, ranges and steps",
    "hour": "0 to 23, *, lists, ranges and steps",
    "day of the month": "1 to 31, L for the last one, LW for the last from Monday to Friday, "
    "*, lists, ranges and steps",
    "month": "1 to 12 or JAN to DEC, *, lists, ranges and steps",
    "day of the week": "0 to 7 or SUN to SAT, 5L for the last Friday of the month, 5#2 for the "
    "second one, *, lists, ranges and steps",
}


def _each_alone(fields: list[str]) -> Iterator[list[str]]:
    """Expressions in which nothing but one of the fields can be wrong."""
    for place, field in enumerate(fields):
        alone = ["*"] * len(fields)
        alone[place] = field
        yield alone


def _parsed(text: str, after: datetime = datetime(2024, 1, 1, tzinfo=UTC)) -> CronSim:
    try:
        return CronSim(text, after)
    except AssertionError:  # what cronsim does not expect: `L/2-3`
        raise CronSimError(text) from None


def cron_times(text: str, zone: tzinfo, after: float) -> Iterator[float]:
    """All times of an expression after a moment, the earliest first, in epoch seconds."""
    fields = text.split()
    seconds = [0]
    if len(fields) == _WITH_SECONDS:
        seconds = sorted(_parsed(text).seconds)
        fields = fields[1:]
    last = after
    # The minute of `after` may have more times, and the gap of which it may be the end is past.
    begin = datetime.fromtimestamp(after, UTC) - timedelta(seconds=60)
    for minute in _parsed(" ".join(fields), begin.astimezone(zone)):
        if minute.year > _LAST_YEAR:
            return
        base = minute.timestamp()
        for second in seconds:
            if base + second > last:
                last = base + second
                yield last
