"""Limits: how many attempts of steps may be at work at a time, and which ones are.

A limit is either *named*, and operators say how many, or it is a step's *own*, one for each value
that its key comes to, and the definition says how many.
"""

from __future__ import annotations

__all__ = [
    "LIMIT_NAME",
    "MAX_CONCURRENCY",
    "MAX_LIMITS",
    "NAMED",
    "Concurrency",
    "Holder",
    "LimitRecord",
    "Use",
    "name_of",
    "named_limit",
    "own_limit",
]

import re
from hashlib import sha256

from msgspec import Struct

from flowworker.core.attempt import Attempt

LIMIT_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""What a named limit can be called: one token."""

MAX_CONCURRENCY = 1_000
"""Attempts that may hold one limit: its record names all of them."""

MAX_LIMITS = 10
"""Limits that one step may fall under."""

NAMED, _OWN = "named", "own"


class Concurrency(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A limit of a step's own (a part of `model`).

    Attributes:
        limit: how many attempts of the step may be at work for each value of the key.
        key: an expression; empty for one limit for all.
    """

    limit: int
    key: str = ""


class Use(Struct, frozen=True, omit_defaults=True):
    """That an attempt falls under a limit.

    Attributes:
        limit: the id of it.
        concurrency: how many it allows; None if its record says that.
    """

    limit: str
    concurrency: int | None = None


class Holder(Struct, frozen=True):
    """An attempt that was let in, and when that was (epoch seconds)."""

    run: str
    step: str
    attempt: Attempt
    since: float


class LimitRecord(Struct, frozen=True, omit_defaults=True):
    """The truth about a limit. Who waits for it is kept beside it, each for itself.

    Attributes:
        id: `named.<name>`, or `own.<digest>`.
        concurrency: how many may hold it; 0 if nobody has said that, and all have to wait.
        holders: attempts that were let in and are not known to be over.
        last: identity of the latest command that was followed.
    """

    id: str
    v: int = 1
    concurrency: int = 0
    holders: tuple[Holder, ...] = ()
    last: str = ""

    @property
    def room(self) -> int:
        """How many more may hold it; below 0 if it was lowered."""
        return self.concurrency - len(self.holders)


def named_limit(name: str) -> str:
    """The id of the limit that operators call so."""
    return f"{NAMED}.{name}"


def name_of(limit: str) -> str:
    """What operators call it; empty for one that is a step's own."""
    kind, _, name = limit.partition(".")
    return name if kind == NAMED else ""


def own_limit(workflow: str, step: str, number: int, key: str) -> str:
    """The id of a step's own limit; `key` is what its key came to, as JSON.

    It does not say how many: if two definitions differ in that, the one that asked last is right.
    """
    digest = sha256(f"{workflow}/{step}/{number}/{key}".encode()).hexdigest()
    return f"{_OWN}.{digest[:32]}"
