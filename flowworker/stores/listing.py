"""The index of runs, newest first, at a cost that does not depend on how many runs are kept.

Spans of time are asked for from the latest on, several in one request, more each time. If there are
more runs in them than one answer holds they are asked for one by one, then part by part. A server
looks at all that matches, also to say that it is too much: so the spans that are asked for first
are short (`codec.index.spans_from`), and one that was too much is not asked for again.

A run's place is when it was created. It keeps that while its status changes, so that who reads on
from a place meets no run twice, and misses none but those that come to be listed as what was asked
for behind that place.
"""

from __future__ import annotations

__all__ = ["Listing", "Wanted"]

import asyncio
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

from flowworker.codec.index import (
    entry_at,
    moment_of,
    parts_of,
    pattern_of,
    spans_from,
    time_of,
)
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from flowworker.codec.index import Entry, Span
    from flowworker.core.status import RunStatus
    from flowworker.ports import Records

_FEW = 256
"""Entries in one answer."""

_PATTERNS = 256
"""Patterns in one request, at most."""

_FIRST = 32
"""Spans in the first request."""

_AHEAD = 86_400.0
"""Seconds by which clocks of coordinators may be ahead of this one."""

_PARTS = 8
"""Parts of a span in the first request for them."""

_REMEMBERED = 10_000
"""Spans that were too much."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the index is asked for.

    Attributes:
        statuses: any of these; none for all.
        workflow: of that; empty for all.
        below: behind that place; empty for the newest.
        since: created then or later, epoch seconds.
        until: created before that, or in the same millisecond; None for no end.
    """

    statuses: Sequence[RunStatus] = ()
    workflow: str = ""
    below: str = ""
    since: float = 0.0
    until: float | None = None

    def patterns(self, span: Span) -> list[str]:
        """Of all entries of a span."""
        workflow = self.workflow or "*"
        return [pattern_of(span, status, workflow) for status in self.statuses or ("*",)]


class Listing:
    """Reads the index. It holds which spans were too much to be asked for at once."""

    def __init__(self, records: Records) -> None:
        """Read these."""
        self._records = records
        self._dense: set[tuple[str, ...]] = set()

    async def newest(self, wanted: Wanted, now: float) -> AsyncGenerator[list[Entry]]:
        """Entries, some at a time, the newest first.

        Raises:
            InvalidInput: `below` is no place of a run.
        """
        oldest = moment_of(wanted.since)
        most = max(_PATTERNS // max(len(wanted.statuses), 1), 1)
        pending: list[Iterator[Span]] = [spans_from(_latest(wanted, now))]
        size = min(_FIRST, most)
        while pending:
            spans = list(islice(pending[-1], size))
            spans = [span for span in spans if span >= oldest[: len(span)]]
            if not spans:
                pending.pop()
                continue
            found = await self._entries(wanted, spans)
            if found is not None:
                size = min(2 * size, most)
                if fit := _fit(found, wanted, oldest):
                    yield fit
            elif len(spans) > 1:
                size = len(spans) // 2
                pending.append(iter(spans))
            else:
                size = _PARTS
                pending.append(iter(parts_of(spans[0])))

    async def _entries(self, wanted: Wanted, spans: list[Span]) -> list[Entry] | None:
        """All entries of these spans; None if they are too many."""
        asked = [wanted.patterns(span) for span in spans]
        patterns = [pattern for each in asked for pattern in each]
        if len(spans) == 1 and not parts_of(spans[0]):  # a second, as full as it may be
            lists = await asyncio.gather(*map(self._records.keys, patterns))
            keys = [key for found in lists for key in found]
        elif any(tuple(each) in self._dense for each in asked):
            return None
        else:
            few = await self._records.few(patterns, _FEW)
            if few is None:
                if len(spans) == 1:
                    self._remember(tuple(patterns))
                return None
            keys = list(few)
        return [entry for key in keys if (entry := entry_at(key)) is not None]

    def _remember(self, patterns: tuple[str, ...]) -> None:
        if len(self._dense) >= _REMEMBERED:
            self._dense.clear()
        self._dense.add(patterns)


def _latest(wanted: Wanted, now: float) -> float:
    """From when on to look back, epoch seconds."""
    latest = now + _AHEAD if wanted.until is None else wanted.until
    if not wanted.below:
        return latest
    try:
        return min(latest, time_of(wanted.below))
    except ValueError as error:
        raise InvalidInput(
            f"expected a cursor as a page of runs had it, found {wanted.below[:80]!r}"
        ) from error


def _fit(found: list[Entry], wanted: Wanted, oldest: str) -> list[Entry]:
    """Those that are wanted, the newest first, each run once."""
    end = None if wanted.until is None else moment_of(wanted.until)
    fit = {
        entry.run: entry
        for entry in found
        if entry.moment >= oldest
        and (end is None or entry.moment <= end)
        and (not wanted.below or entry.place < wanted.below)
    }
    return sorted(fit.values(), key=attrgetter("place"), reverse=True)
