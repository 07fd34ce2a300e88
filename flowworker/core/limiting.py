"""Who is let in under a limit, when attempts ask for it and others are over.

Pure: the record, who waits and what has happened in, the record and who is let in out.

Safety: an attempt holds a limit from before its message is enqueued until it is known to be over,
and the record that names it is changed by compare-and-set; so of any number of coordinators, with
whatever views, none lets in one too many. Nothing but that is relied on: not that those who wait
are known to all, nor in which order they are seen.

Order: who waits goes before who has just come, and who waits longer goes before that. Nobody
passes somebody who waits.
"""

from __future__ import annotations

__all__ = ["Ask", "Over", "Turn", "follow"]

from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from flowworker.core.limit import Holder, LimitRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowworker.core.attempt import Attempt


class Ask(NamedTuple):
    """An attempt wants to be let in; `concurrency` is what its definition says, if that counts."""

    run: str
    step: str
    attempt: Attempt
    concurrency: int | None = None


class Over(NamedTuple):
    """That attempt of a step is over, and so are all before it."""

    run: str
    step: str
    attempt: Attempt


class Turn(NamedTuple):
    """The record as it is now; of those who asked, who was let in, who waits, and who is late.

    Late is who asks for an attempt when a later one of the step was let in.
    """

    record: LimitRecord
    admitted: tuple[Ask, ...]
    waiting: tuple[Ask, ...]
    late: tuple[Ask, ...]


def follow(
    record: LimitRecord,
    over: Iterable[Over],
    waiting: Sequence[Ask],
    asked: Sequence[Ask],
    now: float,
) -> Turn:
    """Decide who is let in.

    Args:
        record: as it is kept.
        over: attempts that need it no more.
        waiting: the first of those who wait, longest first.
        asked: those who have come just now, in that order.
        now: epoch seconds.
    """
    holders = {(one.run, one.step): one for one in record.holders}
    for one in over:
        held = holders.get((one.run, one.step))
        if held is not None and held.attempt <= one.attempt:
            del holders[one.run, one.step]
    concurrency = record.concurrency
    for ask in (*waiting, *asked):
        concurrency = concurrency if ask.concurrency is None else ask.concurrency
        held = holders.get((ask.run, ask.step))
        if held is not None and held.attempt < ask.attempt:  # that one is over, or this were not
            del holders[ask.run, ask.step]
    sorted_: dict[str, list[Ask]] = {"admitted": [], "waiting": [], "late": []}
    for ask in (*waiting, *asked):
        held = holders.get((ask.run, ask.step))
        if held is not None:
            sorted_["late" if ask.attempt < held.attempt else "admitted"].append(ask)
        elif sorted_["waiting"] or len(holders) >= concurrency:
            sorted_["waiting"].append(ask)
        else:
            holders[ask.run, ask.step] = Holder(ask.run, ask.step, ask.attempt, now)
            sorted_["admitted"].append(ask)
    after = replace(record, concurrency=concurrency, holders=tuple(holders.values()))
    return Turn(after, *(tuple(found) for found in sorted_.values()))
