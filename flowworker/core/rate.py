"""Rates: how often something may happen, as the generic cell rate algorithm has it.

One number says all that has happened: the theoretical arrival time (`tat`), at which the next one
would come if all came evenly and none at once. Each moves it on by one interval. One may go as long
as that is not further ahead of now than the others of a burst; so of n that went one after the
other the first and the last are at least n - burst intervals apart. That is the promise: over any
window, at most burst + rate * window.

Moments are whole microseconds, and an interval is rounded up: sums of them are exact, so that the
promise is, too. A rate is therefore kept to a thousandth below what was said, and never above.
"""

from __future__ import annotations

__all__ = [
    "MAX_BURST",
    "MAX_PERIOD",
    "MAX_RATE",
    "RATE_PATTERN",
    "Rate",
    "available",
    "carried",
    "microseconds",
    "next_at",
    "parse_rate",
    "problem_of",
    "taken",
]

import re

from msgspec import Struct

from flowworker.errors import InvalidInput

MAX_RATE = 1_000
"""How many may go in a second at most: each is a message that has to be stored."""

MAX_BURST = 10_000
"""How many may go at once at most."""

MAX_PERIOD = 1000 * 86_400.0
"""Seconds, as of any duration."""

_SECOND = 1_000_000
_USUAL_SHARE = 10
"""The share of a second (one in so many) of which all may go at once, unless something else is
said: so long who looks when the next one may go can be late, and nothing is lost by that."""

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
RATE_PATTERN = r"^([0-9]{1,9})/([smhd])$"
"""What a rate looks like as people write it."""

_WRITTEN = re.compile(RATE_PATTERN)


class Rate(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """So many in each period.

    Attributes:
        limit: how many.
        period: seconds.
        burst: how many of them may go at once; 0 for those of a tenth of a second, at least one.
    """

    limit: int
    period: float
    burst: int = 0

    @property
    def at_once(self) -> int:
        """How many may go at once."""
        return self.burst or max(1, int(self.limit / (_USUAL_SHARE * self.period)))

    @property
    def interval(self) -> int:
        """Microseconds from one to the next if they come evenly."""
        return -(-microseconds(self.period) // self.limit)

    @property
    def per_second(self) -> float:
        """How many go in a second."""
        return self.limit / self.period

    def __str__(self) -> str:
        """As people write it: `100/s`, or `5 per 90 s`."""
        for unit, seconds in _UNITS.items():
            if self.period == seconds:
                return f"{self.limit}/{unit}"
        return f"{self.limit} per {self.period:g} s"


def microseconds(seconds: float) -> int:
    """A moment, or a time, in whole ones: the same that were made seconds."""
    return round(seconds * _SECOND)


def available(rate: Rate, tat: int, now: int) -> int:
    """How many may go at this moment."""
    return max(0, rate.at_once - -(-max(0, tat - now) // rate.interval))


def taken(rate: Rate, tat: int, now: int, count: int) -> int:
    """The theoretical arrival time once so many have gone."""
    return max(tat, now) + count * rate.interval


def next_at(rate: Rate, tat: int) -> float:
    """The moment at which the next one may go, epoch seconds; it may be past."""
    return (tat - (rate.at_once - 1) * rate.interval) / _SECOND


def carried(tat: int, former: Rate, rate: Rate, now: int) -> int:
    """The theoretical arrival time under another rate: as many have gone as before."""
    ahead = max(0, tat - now)
    return now + -(-ahead * rate.interval // former.interval)


def problem_of(rate: Rate) -> str:
    """What is wrong with a rate; empty if it can be kept to."""
    if rate.limit < 1:
        return f"expected 1 or more in each period, found {rate.limit}"
    if not 0 < rate.period <= MAX_PERIOD:
        return f"expected a period above 0, of at most 1000 days, found {rate.period:g} s"
    if rate.per_second > MAX_RATE:
        return f"expected at most {MAX_RATE:,} in a second, found {rate.per_second:,.0f}"
    if not 0 <= rate.burst <= MAX_BURST:
        return f"expected a burst from 1 to {MAX_BURST:,}, found {rate.burst}"
    return ""


def parse_rate(text: str, burst: int = 0) -> Rate:
    """A rate as people write it: so many per s, m, h or d.

    Raises:
        InvalidInput: it is none, or cannot be kept to.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        expected = "a rate such as 100/s, 5000/h: how many per s, m, h or d"
        raise InvalidInput(f"expected {expected}, found {text!r:.80}")
    rate = Rate(int(found[1]), float(_UNITS[found[2]]), burst)
    if problem := problem_of(rate):
        raise InvalidInput(f"rate {text}: {problem}")
    return rate
