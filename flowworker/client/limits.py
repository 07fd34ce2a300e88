"""Limits, for people to look at, and to set. It waits until a coordinator has followed that."""

from __future__ import annotations

__all__ = ["HolderView", "LimitView", "Limiting"]

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.client.following import followed
from flowworker.codec.json import encode
from flowworker.codec.limits import LimitAction, LimitCommand
from flowworker.core.ids import sequence_of, shown_id
from flowworker.core.limit import LIMIT_NAME, MAX_CONCURRENCY, NAMED, named_limit
from flowworker.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.limit import LimitRecord
    from flowworker.stores.stores import Stores

_TOGETHER = 64
"""Records that are read at a time."""


@dataclass(frozen=True, slots=True)
class HolderView:
    """A step that was let in, and is not known to be over; `since` is when, epoch seconds."""

    run: str
    step: str
    since: float


@dataclass(frozen=True, slots=True)
class LimitView:
    """A limit.

    Attributes:
        name: as steps say it; of a step's own, `own.` and a digest.
        concurrency: how many steps may be at work at a time; 0 if it is not set, so that all wait.
        held: how many are.
        waiting: how many wait, those included whose time has not come.
        holders: those that are, longest first.
    """

    name: str
    concurrency: int
    held: int
    waiting: int
    holders: tuple[HolderView, ...]


class Limiting:
    """A part of `Client`."""

    _stores: Stores
    _clock: Clock

    async def limits(self) -> list[LimitView]:
        """All limits that are set, held or waited for: those with names first."""
        store = self._stores.limits
        waiting = Counter(place.limit for place in await store.waiting())
        names, found = sorted({*await store.all(), *waiting}), []
        for first in range(0, len(names), _TOGETHER):
            part = names[first : first + _TOGETHER]
            found += await asyncio.gather(*(store.load(name) for name in part))
        views = [_view(record, waiting[record.id]) for record, _ in found]
        # An own one that nobody holds or waits for is of no interest to anybody.
        used = [one for one in views if one.held or one.waiting or _is_set(one)]
        return sorted(used, key=lambda one: (one.name.startswith("own."), one.name))

    async def limit(self, name: str) -> LimitView:
        """One of them.

        Raises:
            NotFound: it is neither set, nor held or waited for.
        """
        limit = name if name.startswith("own.") else named_limit(_checked(name))
        store = self._stores.limits
        found, waiting = await store.load(limit), await store.waiting(limit)
        view = _view(found[0], len(waiting))
        if not (view.concurrency or view.held or view.waiting):
            raise NotFound(f"no limit {name!r} is set; `flowworker limits list` names all")
        return view

    async def set_limit(self, name: str, concurrency: int) -> LimitView:
        """Say how many steps with that name in `limits` may be at work at a time.

        More are let in at once. If it is lowered below what is held nothing is stopped: none is let
        in until fewer are.

        Raises:
            InvalidInput: it is no name, or not from 1 to 1,000.
            ResultTimeout: no coordinator was there to follow it; it is kept, and will be.
        """
        if isinstance(concurrency, bool) or not 1 <= concurrency <= MAX_CONCURRENCY:
            expected = f"a whole number from 1 to {MAX_CONCURRENCY:,}"
            hint = "to let nothing in, pause the runs"
            raise InvalidInput(f"concurrency: expected {expected}, found {concurrency!r} ({hint})")
        return await self._change(LimitAction.SET, name, LimitCommand(concurrency))

    async def delete_limit(self, name: str) -> None:
        """Have nothing say how many: steps with that name wait until it is set again.

        Raises:
            NotFound: it is not set.
            ResultTimeout: as `set_limit`.
        """
        if not (await self.limit(name)).concurrency:
            raise NotFound(f"limit {name!r} is not set, and steps wait for it")
        await self._change(LimitAction.DELETE, name, LimitCommand())

    async def _change(self, action: LimitAction, name: str, command: LimitCommand) -> LimitView:
        limit = named_limit(_checked(name))
        subject, backend = f"control.limit.{action}.{name}", self._stores.backend
        sequence = await backend.commands.send(subject, encode(command), {})

        async def look() -> LimitRecord | None:
            record, _ = await self._stores.limits.load(limit)
            return record if sequence_of(record.last) >= sequence else None

        what = f"{action} of limit {name!r}"
        record = await followed(backend, self._clock, sequence, what, look)
        return _view(record, len(await self._stores.limits.waiting(limit)))


def _checked(name: str) -> str:
    if not LIMIT_NAME.fullmatch(name):
        expected = "the name of a limit, 1 to 100 letters, digits, `_` and `-`"
        raise InvalidInput(f"expected {expected}, found {name!r:.150}")
    return name


def _is_set(view: LimitView) -> bool:
    return view.concurrency > 0 and not view.name.startswith("own.")


def _view(record: LimitRecord, waiting: int) -> LimitView:
    held = sorted(record.holders, key=lambda one: one.since)
    return LimitView(
        record.id.removeprefix(f"{NAMED}."),
        record.concurrency,
        len(held),
        waiting,
        tuple(HolderView(one.run, shown_id(one.step), one.since) for one in held),
    )
