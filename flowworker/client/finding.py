"""Runs by what people ask of them, newest first, page by page."""

from __future__ import annotations

__all__ = ["LOOKS", "Finding", "RunPage"]

from collections import deque
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.client.summaries import RunSummary
from flowworker.core.ids import RUN_ID_OF_CHILD
from flowworker.errors import CorruptRecord
from flowworker.stores.listing import Listing, Wanted

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.codec.index import Entry
    from flowworker.core.records import RunRecord
    from flowworker.filters import Filter
    from flowworker.stores.stores import Stores

LOOKS = 1_000
"""Records that are read for a page that is no longer, if the index cannot tell which are meant."""

_TOGETHER = 200
"""Records that are read in one request."""


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some of the runs that a filter means.

    Attributes:
        runs: newest first; fewer than were asked for if `LOOKS` were looked at before.
        cursor: where the next page begins; empty if there are no more runs.
        looked_at: how many runs were read for it.
    """

    runs: tuple[RunSummary, ...] = ()
    cursor: str = ""
    looked_at: int = 0


class Finding:
    """Asks the index for runs, and their records for what it does not know."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._runs = stores.runs
        self._listing = Listing(stores.backend.runs)
        self._clock = clock

    async def page(
        self, wanted: Filter, limit: int, cursor: str = "", *, children: bool = True
    ) -> RunPage:
        """At most `limit` runs from the cursor on; without `children`, no runs that are steps."""
        found: list[RunSummary] = []
        looks, last = 0, ""
        asked = Wanted(wanted.statuses, wanted.workflow, cursor, wanted.since, wanted.until)
        async with aclosing(self._listing.newest(asked, self._clock.now())) as lists:
            async for entries in lists:
                left = deque(entries if children else filter(_is_no_child, entries))
                while left:
                    if looks >= max(limit + 1, LOOKS):
                        return RunPage(tuple(found), last, looks)
                    count = limit + 1 - len(found) if wanted.is_indexed else _TOGETHER
                    some = [left.popleft() for _ in range(min(count, _TOGETHER, len(left)))]
                    records = await self._runs.load_some([entry.run for entry in some])
                    for entry in some:
                        summary = _summary(entry, records.get(entry.run), wanted)
                        if summary is not None and len(found) == limit:  # there is a next page
                            return RunPage(tuple(found), last, looks)
                        if summary is not None:
                            found.append(summary)
                        looks, last = looks + 1, entry.place
        return RunPage(tuple(found), "", looks)


def _is_no_child(entry: Entry) -> bool:
    return RUN_ID_OF_CHILD.fullmatch(entry.run) is None


def _summary(
    entry: Entry, record: RunRecord | CorruptRecord | None, wanted: Filter
) -> RunSummary | None:
    """What is listed, if it is meant; None also for what moved on, and is listed otherwise."""
    if isinstance(record, CorruptRecord):
        if not wanted.is_indexed:
            return None
        return RunSummary(entry.run, entry.workflow, entry.status, error=str(record))
    if record is None or not wanted.matches(record):
        return None
    return RunSummary(
        record.run,
        record.workflow,
        record.status,
        record.created_at,
        record.finished_at,
        record.error,
        record.rerun_of,
        record.is_paused,
        record.labels,
    )
