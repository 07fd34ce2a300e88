"""Which runs of a workflow go on, by the definition that each is pinned to."""

from __future__ import annotations

__all__ = ["LOOKS", "UNFINISHED", "count"]

from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import Struct

from flowworker.clock import SystemClock
from flowworker.core.records import RunRecord
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.stores.listing import Listing, Wanted
from flowworker.web.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from flowworker.stores.stores import Stores
    from flowworker.web.endpoint import Call

LOOKS = 1_000
"""Runs that are looked at, the newest: their records say what they are pinned to."""

_TOGETHER = 200
"""Records that are read in one request."""

_GOING_ON = tuple(status for status in RunStatus if status not in TERMINAL)


class PinnedRuns(Struct, frozen=True):
    """Runs of one definition that have not ended.

    Attributes:
        hash: the definition's.
        states: how many there are in each state.
    """

    hash: str
    states: dict[RunStatus, int]


class UnfinishedRuns(Struct, frozen=True):
    """Runs of a workflow that have not ended, by definition: most runs first.

    Attributes:
        counted: how many that are.
        more: there are further ones, older than these, which were not looked at.
    """

    definitions: list[PinnedRuns]
    counted: int
    more: bool


async def _count(call: Call) -> UnfinishedRuns:
    workflow = (await call.fleet.client.definition(call.path["workflow"])).name
    return await count(call.fleet.stores, workflow)


async def count(stores: Stores, workflow: str) -> UnfinishedRuns:
    """Look at the newest `LOOKS` runs of the workflow that go on."""
    found: dict[str, Counter[RunStatus]] = {}
    looks = 0
    async with aclosing(_unfinished(stores, workflow)) as records:
        async for record in records:
            if looks >= LOOKS:
                return _view(found, more=True)
            looks += 1
            if record.status in _GOING_ON:  # or it has ended since it was listed
                found.setdefault(record.definition, Counter())[record.status] += 1
    return _view(found, more=False)


async def _unfinished(stores: Stores, workflow: str) -> AsyncGenerator[RunRecord, None]:
    """Records of runs that were listed as going on; those that can be read."""
    wanted = Wanted(_GOING_ON, workflow)
    listing = Listing(stores.backend.runs)
    async with aclosing(listing.newest(wanted, SystemClock().now())) as lists:
        async for entries in lists:
            for at in range(0, len(entries), _TOGETHER):
                runs = [entry.run for entry in entries[at : at + _TOGETHER]]
                read = await stores.runs.load_some(runs)
                for run in runs:
                    record = read.get(run)
                    if isinstance(record, RunRecord):
                        yield record


def _view(found: dict[str, Counter[RunStatus]], *, more: bool) -> UnfinishedRuns:
    most = sorted(found.items(), key=lambda each: (-each[1].total(), each[0]))
    pinned = [PinnedRuns(digest, dict(sorted(states.items()))) for digest, states in most]
    return UnfinishedRuns(pinned, sum(states.total() for states in found.values()), more)


UNFINISHED = (
    Endpoint(
        "GET",
        "/workflows/{workflow}/unfinished",
        "countUnfinished",
        "How many runs that have not ended are pinned to which definition.",
        _count,
        UnfinishedRuns,
        cost=5.0,
    ),
)
