"""Whose turn it is in a queue: of the keys of which some wait, by start-time fair queueing.

All that is let in stands on one scale. An attempt starts where the one before it of its key ended,
or, if its key had none for a while, where the latest that was let in started; and it ends one
stride later, which is the shorter the greater its weight is. The one that starts first goes first.
So of two keys that both wait all the time neither gets ahead of the other by more than a stride of
each; a key that comes new waits for at most one of each other; and what a key got while nobody else
wanted anything counts for nothing, as all had moved on with it.

What is kept is where the latest one started, and where each key may start next if that is further
on: it is written with who was let in, so every coordinator goes on from the same. Nothing is kept
of those who wait: one that leaves the line has cost its key nothing.

See P. Goyal, H. Vin, H. Cheng: Start-time Fair Queueing (1996), and, for strides, C. Waldspurger,
W. Weihl: Stride Scheduling (1995).
"""

from __future__ import annotations

__all__ = [
    "GATE_PATTERN",
    "GREATEST_WEIGHT",
    "LEAST_WEIGHT",
    "WEIGHTS",
    "Fairness",
    "Share",
    "Turns",
    "after",
    "gate_of",
    "in_turn",
    "is_gate",
    "queue_of_gate",
    "share_of",
]

from collections import deque
from hashlib import sha256
from heapq import heapify, heappop, heapreplace
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct, field

from flowworker.core.ids import TOKEN
from flowworker.core.status import Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

LEAST_WEIGHT, GREATEST_WEIGHT = 0.001, 1000.0

WEIGHTS = "a number from 0.001 to 1000"
"""What a weight is, in words."""

_GATES = "fair"
"""What the ids of such limits begin with."""

GATE_PATTERN = rf"{_GATES}\.(?:{'|'.join(Priority)})-{TOKEN.pattern}"
"""What these look like."""

_STRIDE = 100_000
"""Of weight 1: so long that those of other weights are exact to a thousandth."""

_REMEMBERED = 2_000
"""Keys of which a record knows where they start next."""


class Fairness(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Whose share of its queue an attempt of a step takes (a part of `model`).

    Attributes:
        key: an expression: the same for all that share.
        weight: how much of the queue is theirs beside other keys; or an expression.
    """

    key: str
    weight: float | str = 1.0


class Share(Struct, frozen=True):
    """Whose share an attempt takes.

    Attributes:
        key: a digest of it.
        stride: by how much its key moves on when it is let in.
    """

    key: str
    stride: int


class Turns(Struct, frozen=True, omit_defaults=True):
    """What was let in, as far as it matters to who is next.

    Attributes:
        virtual: where the latest one started.
        next: where keys start next, of those that do not start there.
    """

    virtual: int = 0
    next: dict[str, int] = field(default_factory=dict)

    def start_of(self, key: str) -> int:
        """Where the next one of a key starts."""
        return max(self.virtual, self.next.get(key, 0))


def gate_of(queue: str, priority: Priority) -> str:
    """The id of the limit by which attempts get into a lane of a queue."""
    return f"{_GATES}.{priority}-{queue}"


def is_gate(limit: str) -> bool:
    """Whether that is one: who waits for it goes by shares."""
    return limit.startswith(f"{_GATES}.")


def queue_of_gate(limit: str) -> str:
    """The queue that it leads to."""
    return limit.partition("-")[2]


def share_of(key: str, weight: float) -> Share:
    """That of a key, as JSON; the same in all workflows.

    The weight is one from `LEAST_WEIGHT` to `GREATEST_WEIGHT`.
    """
    return Share(sha256(key.encode()).hexdigest()[:16], round(_STRIDE / weight))


def after(turns: Turns, shares: Iterable[Share]) -> Turns:
    """Once these were let in, one after the other.

    If there are too many keys to remember, those that start first are forgotten; and so that this
    gives them nothing, the scale moves on to where they were.
    """
    virtual, ends = turns.virtual, dict(turns.next)
    for share in shares:
        virtual = max(virtual, ends.get(share.key, 0))
        ends[share.key] = virtual + share.stride
    excess = len(ends) - _REMEMBERED
    if excess > 0:
        virtual = max(virtual, sorted(ends.values())[excess - 1])
    return Turns(virtual, {key: end for key, end in ends.items() if end > virtual})


def in_turn(turns: Turns, waiting: Iterable[T], share: Callable[[T], Share]) -> Iterator[T]:
    """Those who wait in the order in which they are let in, if nobody comes between.

    Args:
        turns: what was let in so far.
        waiting: in the order in which they have come: so it is between those of one key, and
            between those that start at the same place.
        share: of one of them.
    """
    lines: dict[str, deque[tuple[int, int, T]]] = {}
    for number, one in enumerate(waiting):
        found = share(one)
        lines.setdefault(found.key, deque()).append((number, found.stride, one))
    heads = [(turns.start_of(key), line[0][0], key) for key, line in lines.items()]
    heapify(heads)
    while heads:
        start, _, key = heads[0]
        line = lines[key]
        _, stride, one = line.popleft()
        if line:
            heapreplace(heads, (start + stride, line[0][0], key))
        else:
            heappop(heads)
        yield one
