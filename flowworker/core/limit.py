"""Limits: how many attempts of steps, or runs, are at work, which ones, and how often one begins.

A limit is either *named*, and operators say how many, or it is a step's or a workflow's *own*, one
for each value that its key comes to, and the definition says how many.
"""

from __future__ import annotations

__all__ = [
    "LIMIT_NAME",
    "MAX_CONCURRENCY",
    "MAX_LIMITS",
    "NAMED",
    "OF_RUNS",
    "THROTTLE",
    "UNNAMED",
    "Concurrency",
    "Holder",
    "LimitRecord",
    "Strategy",
    "Throttle",
    "Use",
    "name_of",
    "named_limit",
    "own_limit",
]

import re
from enum import StrEnum
from hashlib import sha256

from msgspec import Struct

from flowworker.core.attempt import UNATTEMPTED, Attempt
from flowworker.core.fairness import GATE_PATTERN, Share, Turns
from flowworker.core.rate import Rate, available, microseconds, next_at

LIMIT_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""What a named limit can be called: one token."""

MAX_CONCURRENCY = 1_000
"""Attempts or runs that may hold one limit: its record names all of them."""

MAX_LIMITS = 10
"""Limits that one step, or one run, may fall under."""

NAMED, OF_RUNS, _OWN = "named", "run", "own"

_REMEMBERED = 600.0
"""Seconds for which it is of use whom a rate has let in (`LimitRecord.lately`)."""

UNNAMED = rf"(?:{_OWN}|{OF_RUNS})\.[0-9a-f]{{32}}|{GATE_PATTERN}"
"""What the ids of those look like that have no name."""


class Strategy(StrEnum):
    """What becomes of a run for which there is no place.

    QUEUE          it waits for one, behind those that wait already
    CANCEL_OLDEST  so it does, and the oldest that has one, or waits, is cancelled
    CANCEL_NEWEST  it is cancelled itself
    SKIP           it does not come to be: its start is rejected
    """

    QUEUE = "queue"
    CANCEL_OLDEST = "cancel_oldest"
    CANCEL_NEWEST = "cancel_newest"
    SKIP = "skip"


THROTTLE = "throttle"
"""Which of a step's own limits its throttle is."""


class Concurrency(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A limit of a step's own (a part of `model`).

    Attributes:
        limit: how many attempts of the step may be at work for each value of the key.
        key: an expression; empty for one limit for all.
    """

    limit: int
    key: str = ""


class Throttle(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How often an attempt of a step, or a run, may begin (a part of `model`); the others wait.

    Attributes:
        limit, period, burst: as of a `Rate`, for each value of the key.
        key: an expression; empty for one rate for all.
    """

    limit: int
    period: float
    burst: int = 0
    key: str = ""

    @property
    def rate(self) -> Rate:
        """How often."""
        return Rate(self.limit, self.period, self.burst)


class Use(Struct, frozen=True, omit_defaults=True):
    """That an attempt, or a run, falls under a limit.

    Attributes:
        limit: the id of it.
        concurrency: how many it allows; None if its record says that.
        rate: how often it lets one in, of a throttle; its record says nothing else.
        strategy: what becomes of a run for which there is no place; attempts always wait.
        share: by whose turn it is let in, where that does not follow from who came first.
    """

    limit: str
    concurrency: int | None = None
    rate: Rate | None = None
    strategy: Strategy = Strategy.QUEUE
    share: Share | None = None


class Holder(Struct, frozen=True, omit_defaults=True):
    """An attempt or a run that was let in.

    Attributes:
        since: when that was, epoch seconds.
        step, attempt: which attempt of the run; neither if it is the run as a whole.
        ticket: of a run, by which it is known from others that had its id before (`Admission`).
    """

    run: str
    since: float
    step: str = ""
    attempt: Attempt = UNATTEMPTED
    ticket: str = ""

    @property
    def rank(self) -> tuple[str, Attempt]:
        """What is of a later rank begins when this is over."""
        return self.ticket, self.attempt


class LimitRecord(Struct, frozen=True, omit_defaults=True):
    """The truth about a limit. Who waits for it is kept beside it, each for itself.

    Attributes:
        id: `named.<name>`; of a step's own `own.<digest>`, of a workflow's own `run.<digest>`;
            of a lane into which attempts are let by shares `fair.<priority>-<queue>`.
        concurrency: how many may hold it; 0 if nobody has said that.
        holders: those that were let in and are not known to be over; those that are let in while
            `concurrency` is 0 are not named.
        rate: how often it lets one in; None for any number of times.
        tat: if there is a rate, its theoretical arrival time (`core.rate`), epoch microseconds.
        passed: how many the rate has let in.
        last: identity of the latest command that was followed.
        turns: if it lets in by shares, whose turn it is.
        awaited: somebody may wait for it: so who waits is found out before anybody else is let in.
        lately: marks of the runs that a rate alone has let in last (`core.limiting`).
    """

    id: str
    v: int = 1
    concurrency: int = 0
    holders: tuple[Holder, ...] = ()
    last: str = ""
    rate: Rate | None = None
    tat: int = 0
    passed: int = 0
    turns: Turns | None = None
    awaited: bool = False
    lately: tuple[str, ...] = ()

    @property
    def is_set(self) -> bool:
        """Whether anything says whom it lets in; else all have to wait."""
        return self.concurrency > 0 or self.rate is not None

    def is_spent(self, now: float) -> bool:
        """Whether nothing is lost if it is forgotten: nobody has it, or waits, and no rate runs."""
        if not self._is_own or self.holders or self.awaited:
            return False
        return self.rate is None or self.tat / 1e6 + _REMEMBERED <= now

    @property
    def _is_own(self) -> bool:
        """Whether definitions say what it allows."""
        return self.id.startswith((f"{_OWN}.", f"{OF_RUNS}."))

    @property
    def places(self) -> int | None:
        """How many more may hold it, below 0 if it was lowered; None for any number.

        One that has no name and says nothing was forgotten: the first that asks says how many.
        """
        if self._is_own and not self.is_set:
            return 1
        is_open = not self.concurrency and self.rate is not None
        return None if is_open else self.concurrency - len(self.holders)

    def room(self, now: float) -> int:
        """How many more it lets in at this moment; below 0 as `places`."""
        places = self.places
        if self.rate is None:
            return places or 0
        free = available(self.rate, self.tat, microseconds(now))
        return free if places is None else min(free, places)

    def opens_at(self, now: float) -> float:
        """When it lets in the next one, as it is: epoch seconds; 0.0 if that is no matter of time.

        It is `now` if it lets one in at this moment.
        """
        places = self.places
        if self.rate is None or (places is not None and places <= 0):
            return 0.0
        return max(now, next_at(self.rate, self.tat))


def named_limit(name: str) -> str:
    """The id of the limit that operators call so."""
    return f"{NAMED}.{name}"


def name_of(limit: str) -> str:
    """What operators call it; empty for one that is a step's own."""
    kind, _, name = limit.partition(".")
    return name if kind == NAMED else ""


def own_limit(workflow: str, step: str, part: int | str, key: str) -> str:
    """The id of a step's own limit; `key` is what its key came to, as JSON.

    `part` says which of them: the place in `concurrency`, or `THROTTLE`. It does not say how many:
    if two definitions differ in that, the one that asked last is right.
    """
    digest = sha256(f"{workflow}/{step}/{part}/{key}".encode()).hexdigest()
    return f"{_OWN}.{digest[:32]}"
