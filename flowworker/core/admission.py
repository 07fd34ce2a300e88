"""Which runs of a workflow may be at work at a time: its limits, and how one of its runs stands.

A run that falls under limits has its record before it asks for them, and holds one until its record
says that it has ended. So what is known of a holder never depends on who let it in.
"""

from __future__ import annotations

__all__ = [
    "Admission",
    "RateLimit",
    "RunConcurrency",
    "Singleton",
    "SingletonMode",
    "asking",
    "giving_way",
    "in_order",
    "run_limit",
    "ticket_at",
    "waits_for",
]

from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from flowworker.core.limit import OF_RUNS, Strategy, Use
from flowworker.core.rate import MAX_BURST, Rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowworker.core.fairness import Share

_NUMBERS = 1_000_000
"""Tickets that differ within a millisecond."""

_FIRST = (Strategy.SKIP, Strategy.CANCEL_NEWEST, Strategy.CANCEL_OLDEST, Strategy.QUEUE)
"""In which order limits are taken: who is refused has not waited before."""


class RunConcurrency(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A limit of a workflow's own (a part of `model`).

    Attributes:
        limit: how many runs may be at work for each value of the key.
        key: an expression over `input` and `labels`; empty for one limit for all.
        strategy: what becomes of a run for which there is no place.
    """

    limit: int
    key: str = ""
    strategy: Strategy = Strategy.QUEUE


class RateLimit(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How often a run of a workflow may begin (a part of `model`); other starts are rejected.

    Attributes:
        limit, period, burst: as of a `Rate`, for each value of the key; without a burst, all of the
            limit may come at once.
        key: an expression over `input` and `labels`; empty for one rate for all.
    """

    limit: int
    period: float
    burst: int = 0
    key: str = ""

    @property
    def rate(self) -> Rate:
        """How often."""
        return Rate(self.limit, self.period, self.burst or min(self.limit, MAX_BURST))


class SingletonMode(StrEnum):
    """What becomes of a start while there is a run: it is rejected, or that run is cancelled."""

    SKIP = "skip"
    CANCEL = "cancel"


class Singleton(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """That there is one run at a time, for each value of the key: a limit of 1.

    Attributes:
        key: an expression over `input` and `labels`; empty for one run of the workflow.
        mode: what becomes of another start.
    """

    key: str = ""
    mode: SingletonMode = SingletonMode.SKIP

    @property
    def strategy(self) -> Strategy:
        """The same, as of a limit."""
        skips = self.mode is SingletonMode.SKIP
        return Strategy.SKIP if skips else Strategy.CANCEL_OLDEST


class Admission(Struct, frozen=True, omit_defaults=True):
    """How a run stands that falls under limits.

    Attributes:
        uses: its limits, in the order in which they are taken.
        ticket: by which it asks for them: its place among all that do, and what makes it another
            run than one that had its id before. Empty as long as it does not ask: it begins later,
            or is being prepared.
        admitted: all of them have let it in.
        refused: why it does not come to be; it is about to be removed.
        retry_at: when another one may, of a rate, epoch seconds; 0.0 if nobody knows.
    """

    uses: tuple[Use, ...]
    ticket: str = ""
    admitted: bool = False
    refused: str = ""
    retry_at: float = 0.0

    @property
    def is_asking(self) -> bool:
        """Whether it waits, or did when it ended."""
        return bool(self.ticket) and not self.admitted


class _Place(NamedTuple):
    ticket: str
    run: str


def run_limit(workflow: str, strategy: str, number: int, key: str) -> str:
    """The id of a workflow's own limit; `key` is what its key came to, as JSON.

    Another strategy is another limit: so limits are taken in the same order by all definitions that
    a workflow ever had, and none of its runs wait for each other in a circle.
    """
    digest = sha256(f"{workflow}/{strategy}/{number}/{key}".encode()).hexdigest()
    return f"{OF_RUNS}.{digest[:32]}"


def in_order(found: Iterable[tuple[Use, bool, int]]) -> tuple[Use, ...]:
    """Limits of a run in the order in which they are taken; of each, whether it has a key.

    What a rate lets in that comes to nothing is lost to it. So of those that refuse rates are last;
    of those for which runs wait a rate is behind the number of as many.
    """

    def rank(one: tuple[Use, bool, int]) -> tuple[int, bool, bool, int]:
        use, has_key, number = one
        by_rate, first = use.rate is not None, _FIRST.index(use.strategy)
        if waits_for(use.strategy):
            return first, not has_key, by_rate, number
        return first, by_rate, not has_key, number

    return tuple(use for use, _, _ in sorted(found, key=rank))


def ticket_at(now: float, number: int, share: Share | None = None) -> str:
    """For who asks at that time (epoch seconds); it sorts by that, and by the number after it.

    It says whose share is taken, if one is.
    """
    ticket = f"{int(now * 1000):014d}-{number % _NUMBERS:06d}"
    return ticket if share is None else f"{ticket}-{share.key}-{share.stride}"


def asking(admission: Admission, now: float, number: int = 0) -> Admission:
    """The same of a run that asks for its limits from now on; see `ticket_at`."""
    return replace(admission, ticket=ticket_at(now, number))


def waits_for(strategy: Strategy) -> bool:
    """Whether a run waits if there is no place for it."""
    return strategy in {Strategy.QUEUE, Strategy.CANCEL_OLDEST}


def giving_way(places: Mapping[str, str], limit: int) -> dict[str, str]:
    """Who gives way to whom so that the newest have the places: run by run.

    Args:
        places: of all runs that hold a limit or wait for it, their tickets.
        limit: how many may hold it.
    """
    every = sorted(_Place(ticket, run) for run, ticket in places.items())
    return {one.run: newer.run for one, newer in zip(every, every[limit:], strict=False)}
