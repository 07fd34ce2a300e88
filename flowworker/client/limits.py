"""Limits, for people to look at, and to set. It waits until a coordinator has followed that."""

from __future__ import annotations

__all__ = ["HolderView", "LimitView", "Limiting", "WaiterPage", "WaiterView", "page_of"]

import asyncio
import re
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.client.following import followed
from flowworker.codec.json import encode
from flowworker.codec.limits import LimitAction, LimitCommand
from flowworker.core.ids import sequence_of, shown_id
from flowworker.core.limit import LIMIT_NAME, MAX_CONCURRENCY, NAMED, UNNAMED, named_limit
from flowworker.core.rate import MAX_BURST, parse_rate
from flowworker.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from flowworker.clock import Clock
    from flowworker.core.limit import LimitRecord
    from flowworker.stores.limits import LimitStore, Place
    from flowworker.stores.stores import Stores

_UNNAMED = re.compile(UNNAMED)
"""The ids of those that have no name."""

_TOGETHER = 64
"""Records that are read at a time."""


@dataclass(frozen=True, slots=True)
class HolderView:
    """A step that was let in, and is not known to be over; `since` is when, epoch seconds.

    Or a run as a whole: then without a step.
    """

    run: str
    step: str
    since: float


@dataclass(frozen=True, slots=True)
class LimitView:
    """A limit.

    Attributes:
        name: as steps say it; of a step's own `own.`, of a workflow's own `run.`, and a digest; of
            those who take turns in a queue, `fair.<priority>-<queue>`.
        concurrency: how many may be at work at a time; 0 if that is not set.
        held: how many are.
        waiting: how many wait, those included whose time has not come.
        holders: those that are, longest first.
        rate: how often one may begin, such as `100/s`; empty if that is not set. If neither is, all
            wait.
        burst: how many of them may begin at once; 0 without a rate.
        next_at: when the rate lets in the next one, epoch seconds; it may be past. 0.0 if no place
            is free, or there is no rate.
        passed: how many the rate has let in.
    """

    name: str
    concurrency: int
    held: int
    waiting: int
    holders: tuple[HolderView, ...]
    rate: str = ""
    burst: int = 0
    next_at: float = 0.0
    passed: int = 0


@dataclass(frozen=True, slots=True)
class WaiterView:
    """A step that waits; `since` is when it has come, or will be due if that is later.

    Or a run as a whole: then without a step.
    """

    run: str
    step: str
    since: float


@dataclass(frozen=True, slots=True)
class WaiterPage:
    """Some of those who wait, in order; `cursor` is where the next page begins, or empty."""

    waiting: tuple[WaiterView, ...]
    cursor: str = ""


class Limiting:
    """A part of `Client`."""

    _stores: Stores
    _clock: Clock

    async def limits(self) -> list[LimitView]:
        """All limits that are set, held or waited for: those with names first."""
        return [one async for one in _used(self._stores.limits, "")]

    async def limit(self, name: str) -> LimitView:
        """One of them.

        Raises:
            NotFound: it is neither set, nor held or waited for.
        """
        limit, store = _id_of(name), self._stores.limits
        found, waiting = await store.load(limit), await store.waiting(limit)
        view = _view(found[0], len(waiting))
        if not (found[0].is_set or view.held or view.waiting):
            raise NotFound(f"no limit {name!r} is set; `flowworker limits list` names all")
        return view

    async def limit_waiting(self, name: str, limit: int = 100, cursor: str = "") -> WaiterPage:
        """Who waits for one of them, page by page, in the order in which they have come.

        So they are let in, unless it is by turns.
        """
        places = await self._stores.limits.waiting(_id_of(name))
        left = sorted(((_place(one), one) for one in places), key=lambda pair: pair[0])
        left = [pair for pair in left if pair[0] > cursor]
        views = tuple(WaiterView(one.run, shown_id(one.step), one.since) for _, one in left[:limit])
        return WaiterPage(views, left[limit - 1][0] if len(left) > limit else "")

    async def set_limit(
        self, name: str, concurrency: int | None = None, *, rate: str = "", burst: int | None = None
    ) -> LimitView:
        """Say how many steps with that name in `limits` may be at work, and how often one begins.

        What is not said is no limit, whatever was said before. More are let in at once. If it is
        lowered below what is held nothing is stopped: none is let in until fewer are.

        Args:
            name: of the limit.
            concurrency: how many at a time, from 1 to 1,000.
            rate: how often, such as `100/s`: so many per `s`, `m`, `h` or `d`, at most 1,000 in a
                second.
            burst: how many of these may begin at once; if it is not said, those of a tenth of a
                second, at least one.

        Raises:
            InvalidInput: it is no name, or nothing that can be kept to.
            ResultTimeout: no coordinator was there to follow it; it is kept, and will be.
        """
        if concurrency is None and not rate:
            raise InvalidInput("expected `concurrency`, or `rate`, or both: nothing was said")
        if concurrency is not None and (
            isinstance(concurrency, bool) or not 1 <= concurrency <= MAX_CONCURRENCY
        ):
            expected = f"a whole number from 1 to {MAX_CONCURRENCY:,}"
            hint = "to let nothing in, pause the runs"
            raise InvalidInput(f"concurrency: expected {expected}, found {concurrency!r} ({hint})")
        if burst is not None and not (rate and 1 <= burst <= MAX_BURST):
            expected = f"a whole number from 1 to {MAX_BURST:,}, beside a rate"
            raise InvalidInput(f"burst: expected {expected}, found {burst!r}")
        given = parse_rate(rate, burst or 0) if rate else None
        return await self._change(LimitAction.SET, name, LimitCommand(concurrency or 0, given))

    async def delete_limit(self, name: str) -> None:
        """Have nothing say how many: steps with that name wait until it is set again.

        Raises:
            NotFound: it is not set.
            ResultTimeout: as `set_limit`.
        """
        if not _is_set(await self.limit(name)):
            raise NotFound(f"limit {name!r} is not set, and steps wait for it")
        await self._change(LimitAction.DELETE, name, LimitCommand())

    async def _change(self, action: LimitAction, name: str, command: LimitCommand) -> LimitView:
        limit = named_limit(_checked(name))
        subject, backend = f"control.limit.{action}.{name}", self._stores.backend
        before, _ = await self._stores.limits.load(limit)
        sequence = await backend.commands.send(subject, encode(command), {})

        async def look() -> LimitRecord | None:
            record, _ = await self._stores.limits.load(limit)
            is_new = record.last != before.last  # its number may be that of another process
            return record if is_new and sequence_of(record.last) >= sequence else None

        what = f"{action} of limit {name!r}"
        record = await followed(backend, self._clock, sequence, what, look)
        return _view(record, len(await self._stores.limits.waiting(limit)))


async def page_of(store: LimitStore, most: int, after: str) -> tuple[list[LimitView], str]:
    """Those behind a name, as many as that, and the name that the next are behind, or ""."""
    page: list[LimitView] = []
    async with aclosing(_used(store, after)) as used:
        async for one in used:
            if len(page) == most:
                return page, page[-1].name
            page.append(one)
    return page, ""


async def _used(store: LimitStore, after: str) -> AsyncGenerator[LimitView, None]:
    """Those that are set, held or waited for, behind a name; those with names first."""
    waiting = Counter(place.limit for place in await store.everybody())
    behind = _id_of(after) if after else ""
    names = sorted(name for name in {*await store.all(), *waiting} if name > behind)
    for first in range(0, len(names), _TOGETHER):
        part = names[first : first + _TOGETHER]
        for record, _ in await asyncio.gather(*(store.load(name) for name in part)):
            view = _view(record, waiting[record.id])
            # An own one that nobody holds or waits for is of no interest to anybody.
            if view.held or view.waiting or _is_set(view):
                yield view


def _checked(name: str) -> str:
    if not LIMIT_NAME.fullmatch(name):
        expected = "the name of a limit, 1 to 100 letters, digits, `_` and `-`"
        raise InvalidInput(f"expected {expected}, found {name!r:.150}")
    return name


def _id_of(name: str) -> str:
    """The id of what is shown by that name."""
    return name if _UNNAMED.fullmatch(name) else named_limit(_checked(name))


def _place(one: Place) -> str:
    """Sorts as places on the list do: tickets have one width."""
    return f"{one.ticket}.{one.run}.{one.step}"


def _is_set(view: LimitView) -> bool:
    return bool(view.concurrency or view.rate) and not _UNNAMED.fullmatch(view.name)


def _view(record: LimitRecord, waiting: int) -> LimitView:
    rate = record.rate
    held = sorted(record.holders, key=lambda one: one.since)
    return LimitView(
        record.id.removeprefix(f"{NAMED}."),
        record.concurrency,
        len(held),
        waiting,
        tuple(HolderView(one.run, shown_id(one.step), one.since) for one in held),
        str(rate or ""),
        rate.at_once if rate else 0,
        record.opens_at(0.0),
        record.passed,
    )
