"""All of the index once, newest first, and no request covers many runs.

A server looks at all that matches, also to say that it is too much (`stores.listing`). So time is
gone through from now on back in spans that grow as long as there is little in them: the minutes of
this hour, then hours, days, months and years. One in which there is too much for an answer is gone
through part by part, and so is the next one before it, without being asked whether it need be. So
where there is little a dozen requests are enough for all time; and where there is much, what was
found in one hour or day says how to ask for the one before.
"""

from __future__ import annotations

__all__ = ["Walk"]

from operator import attrgetter
from typing import TYPE_CHECKING

from flowworker.codec.index import entry_at, parts_of, pattern_of, spans_around

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from flowworker.codec.index import Entry, Span
    from flowworker.ports import Records

_FEW = 256
"""Entries in one answer."""

_FIRST, _MOST = 4, 256
"""Spans in a request: in the first one, and at most."""


class Walk:
    """One way through the index, back from some moment."""

    def __init__(self, records: Records, visit: Callable[[list[Entry]], Awaitable[None]]) -> None:
        """Have all entries visited, some at a time. What `visit` raises ends the walk."""
        self._records = records
        self._visit = visit
        self._dense: set[int] = set()

    async def back_from(self, seconds: float) -> None:
        """Visit all that were created in that minute or before; epoch seconds.

        Raises:
            Unavailable: there was no answer.
        """
        for spans in spans_around(seconds):
            number = await self._through(spans)
            if spans and (number > _FEW or _length(spans[0]) in self._dense):
                self._dense.add(_length(spans[0]) - 1)  # much in its parts, much in the whole

    async def _through(self, spans: Sequence[Span]) -> int:
        """Spans of one length, latest first; how many entries there were."""
        number, at, size = 0, 0, _FIRST
        while at < len(spans):
            some = spans[at : at + size]
            if _length(some[0]) in self._dense:
                number += await self._part_by_part(some[0])
                at, size = at + 1, 1
            elif (found := await self._few(some)) is not None:
                number += len(found)
                at, size = at + len(some), min(2 * size, _MOST)
            elif len(some) > 1:
                size = len(some) // 2
            else:
                self._dense.add(_length(some[0]))
        return number

    async def _part_by_part(self, span: Span) -> int:
        parts = parts_of(span)
        number = await self._through(parts) if parts else await self._all(span)
        if number <= _FEW:
            self._dense.discard(_length(span))
        return number

    async def _few(self, spans: Sequence[Span]) -> list[Entry] | None:
        """Those of these spans, visited; None if they are too many."""
        keys = await self._records.few([pattern_of(span) for span in spans], _FEW)
        return None if keys is None else await self._visited(keys)

    async def _all(self, second: Span) -> int:
        return len(await self._visited(await self._records.keys(pattern_of(second))))

    async def _visited(self, keys: Iterable[str]) -> list[Entry]:
        found = map(entry_at, keys)
        entries = [entry for entry in found if entry is not None and entry.moment]
        entries.sort(key=attrgetter("place"), reverse=True)
        if entries:
            await self._visit(entries)
        return entries


def _length(span: Span) -> int:
    return span.count(".")
