"""The index of runs: one empty record per run, whose key says what lists are asked by.

index.<status>.<workflow>.<year>.<month>.<day>.<hour>.<minute>.<second>.<ms>.<run>

The time is the run's `created_at` in UTC, each part in a token of fixed width: entries sort by it,
and a pattern asks for all of a year, a day, or a second. The workflow is one token, its dots are
slashes, so that one pattern also asks for all of them.
"""

from __future__ import annotations

__all__ = [
    "Entry",
    "Span",
    "any_time",
    "entries_of",
    "entry_at",
    "entry_of",
    "former_patterns",
    "moment_of",
    "parts_of",
    "pattern_of",
    "spans_around",
    "spans_from",
    "status_pattern",
    "time_of",
]

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from flowworker.core.status import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.core.records import RunRecord

Span: TypeAlias = str
"""A year, or a month, day, hour, minute or second of it: `2026.11.28`."""

_KEY = re.compile(
    r"index\.(?P<status>[A-Z_]+)\.(?P<workflow>[^.]+)"
    r"\.(?P<moment>[0-9]{4}(?:\.[0-9]{2}){5}\.[0-9]{3})\.(?P<run>[^.]+)",
    re.ASCII,
)
_FORMER = re.compile(r"index\.(?P<status>[A-Z_]+)\.(?P<workflow>.+)\.(?P<run>[^.]+)", re.ASCII)
_PLACE = re.compile(r"[0-9]{4}(?:\.[0-9]{2}){5}\.[0-9]{3}(?:\.[^.]+)?", re.ASCII)
_STATUSES = {str(status): status for status in RunStatus}

_FIRST_YEAR = 1970
_PARTS: Final = (
    range(12, 0, -1),
    range(31, 0, -1),
    range(23, -1, -1),
    range(59, -1, -1),
    range(59, -1, -1),
)
"""What a span of so many tokens and one consists of, latest first."""

_TOKENS = 7
"""Of a moment."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_MONTH = 31


class Entry(NamedTuple):
    """That a run has a status.

    Attributes:
        moment: when it was created, as in the key: texts sort as the times do. Empty in entries
            of the former form, `index.<status>.<workflow>.<run>`.
    """

    status: RunStatus
    workflow: str
    moment: str
    run: str

    @property
    def key(self) -> str:
        """Under which it is stored."""
        if not self.moment:
            return f"index.{self.status}.{self.workflow}.{self.run}"
        return f"index.{self.status}.{_token(self.workflow)}.{self.moment}.{self.run}"

    @property
    def place(self) -> str:
        """Where it stands among all runs: it sorts by when they were created."""
        return f"{self.moment}.{self.run}"


@lru_cache(maxsize=4096)  # each run asks for its own whenever it is listed under another status
def moment_of(seconds: float) -> str:
    """Seconds since the Unix epoch as a key has them, to the millisecond."""
    whole, rest = divmod(int(seconds * 1000), 1000)
    at = datetime.fromtimestamp(whole, UTC)
    # Not strftime, which does not pad years everywhere
    return ".".join((_span(at.year, at.month, at.day, at.hour, at.minute, at.second), f"{rest:03}"))


def time_of(place: str) -> float:
    """Seconds since the Unix epoch of an entry's place, or of a moment.

    Raises:
        ValueError: it is none.
    """
    if _PLACE.fullmatch(place) is None:
        raise ValueError(place)
    year, month, day, hour, minute, second = (int(token) for token in place.split(".")[:6])
    at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    return at.timestamp() + int(place.split(".")[6]) / 1000


def entry_of(record: RunRecord, status: RunStatus | None = None) -> Entry:
    """How a run is listed under its status, or under another one."""
    moment = moment_of(record.created_at)
    return Entry(status or record.status, record.workflow, moment, record.run)


def entry_at(key: str) -> Entry | None:
    """The entry with that key; None if it is none."""
    found = _KEY.fullmatch(key) or _FORMER.fullmatch(key)
    status = None if found is None else _STATUSES.get(found["status"])
    if found is None or status is None:
        return None
    named = found.groupdict(default="")
    workflow, moment = named["workflow"].replace("/", "."), named.get("moment", "")
    return Entry(status, workflow, moment, named["run"])


def entries_of(record: RunRecord) -> str:
    """All statuses under which a run is listed, as one of its workflow, created when it was."""
    return f"index.*.{_token(record.workflow)}.{moment_of(record.created_at)}.{record.run}"


def any_time(status: RunStatus, workflow: str, run: str) -> str:
    """A run with that status, whenever it was created: a server looks at all of these for it."""
    return f"index.{status}.{_token(workflow)}.{'*.' * _TOKENS}{run}"


def status_pattern(status: RunStatus, workflow: str | None = None) -> str:
    """All runs with that status, of one workflow or of all."""
    return f"index.{status}.{_token(workflow)}.>" if workflow else f"index.{status}.>"


def pattern_of(span: Span, status: str = "*", workflow: str = "*") -> str:
    """All runs that were created then, with that status and of that workflow, or with any."""
    return f"index.{status}.{_token(workflow)}.{span}.>"


def parts_of(span: Span) -> list[Span]:
    """The months of a year and so on, latest first; none of a second."""
    tokens = span.count(".")
    return [f"{span}.{part:02}" for part in _PARTS[tokens]] if tokens < len(_PARTS) else []


def spans_from(seconds: float) -> Iterator[Span]:
    """Spans that cover all time up to the minute of `seconds`, latest first.

    The further back, the longer: minutes for a day, hours for a month, days for a year, and years.
    So a few thousand cover everything, and yet none is long that is near, where most runs of a
    busy fleet may be.
    """
    minute, hours = int(seconds) // _MINUTE, int(seconds) // _DAY * 24 - 24
    for one in range(minute, max(hours, 0) * 60 - 1, -1):
        at = datetime.fromtimestamp(one * _MINUTE, UTC)
        yield _span(at.year, at.month, at.day, at.hour, at.minute)
    if hours <= 0:
        return
    days = max(hours // 24 - _MONTH, 0)
    for one in range(hours - 1, days * 24 - 1, -1):
        at = datetime.fromtimestamp(one * _HOUR, UTC)
        yield _span(at.year, at.month, at.day, at.hour)
    if days == 0:
        return
    at = datetime.fromtimestamp(days * _DAY, UTC)
    last = max(at.year - 1, _FIRST_YEAR)
    for one in range(at.toordinal() - 1, date(last, 1, 1).toordinal() - 1, -1):
        of = date.fromordinal(one)
        yield _span(of.year, of.month, of.day)
    for year in range(last - 1, _FIRST_YEAR - 1, -1):
        yield _span(year)


def spans_around(seconds: float) -> list[list[Span]]:
    """Spans that cover all time up to the minute of `seconds`, each list latest first.

    The minutes of its hour, the hours of its day before that, the days of its month, the months of
    its year, and years: less than 200, of which all but the minutes may hold very many runs.
    """
    at = datetime.fromtimestamp(int(seconds), UTC)
    now = _span(at.year, at.month, at.day, at.hour, at.minute)
    unit = now.rpartition(".")[0]
    found = [[part for part in parts_of(unit) if part <= now]]
    while "." in unit:
        before, unit = unit, unit.rpartition(".")[0]
        found.append([part for part in parts_of(unit) if part < before])
    return [*found, [_span(year) for year in range(at.year - 1, _FIRST_YEAR - 1, -1)]]


def former_patterns() -> list[str]:
    """All entries of the former form, but for those with as many tokens as one of today's has."""
    least, today = 4, 4 + _TOKENS
    exact = [f"index{'.*' * (tokens - 1)}" for tokens in range(least, today)]
    return [*exact, f"index{'.*' * (today - 1)}.>"]


def _span(year: int, *rest: int) -> Span:
    return ".".join((f"{year:04}", *(f"{part:02}" for part in rest)))


def _token(workflow: str) -> str:
    return workflow.replace(".", "/")
