"""Who is let in under a limit, when attempts ask for it and others are over.

Pure: the record, who waits and what has happened in, the record and who is let in out.

Safety: an attempt holds a limit from before its message is enqueued until it is known to be over,
and the record that names it is changed by compare-and-set; so of any number of coordinators, with
whatever views, none lets in one too many. Nothing but that is relied on: not that those who wait
are known to all, nor in which order they are seen.

A rate is kept to in the same record: who is let in moves it on before its message is enqueued. So
what a coordinator has let in and not enqueued when it dies is lost to the rate, and asks again: no
token is given twice. By the clocks of those who write, over any window at most burst + rate *
window are let in; that two clocks differ makes the window longer by as much.

A run that asks again, since who had let it in has died, is let in as before: it holds a number of
places, and of a rate alone the record remembers the last ones. To attempts of steps that matters
less: they wait, and none is refused.

Order: who waits goes before who has just come, and who waits longer goes before that. Nobody
passes somebody who waits: that there are such is said by the record, to those who do not know of
them (`is_blind`). Where shares are taken (`core.fairness`) it is by turns among those who
wait, and what was let in is written with who was, so that no view can give a turn twice.
"""

from __future__ import annotations

__all__ = ["Ask", "Over", "Turn", "follow", "is_blind", "set_to"]

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from flowworker.core.fairness import Turns, after
from flowworker.core.limit import Holder, LimitRecord
from flowworker.core.rate import carried, microseconds, taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowworker.core.attempt import Attempt
    from flowworker.core.fairness import Share
    from flowworker.core.rate import Rate


_LATELY, _WITHIN, _MARK = 64, 60.0, 16
"""How many of those that a rate has let in are remembered at most, for how long at least if there
are no more, in seconds, and characters of the mark of one."""


class Ask(NamedTuple):
    """An attempt, or a run as a whole, wants to be let in.

    Attributes:
        concurrency, rate, share: what its definition says, if that counts.
        step, attempt, ticket: as a `Holder` has them.
        waits: if there is no place; else it is refused.
    """

    run: str
    step: str
    attempt: Attempt
    concurrency: int | None = None
    rate: Rate | None = None
    ticket: str = ""
    waits: bool = True
    share: Share | None = None

    @property
    def rank(self) -> tuple[str, Attempt]:
        """As that of a `Holder`."""
        return self.ticket, self.attempt

    @property
    def mark(self) -> str:
        """What is remembered of a run; nothing of an attempt of a step."""
        text = f"{self.run}/{self.ticket}"
        return sha256(text.encode()).hexdigest()[:_MARK] if self.ticket else ""


class Over(NamedTuple):
    """That attempt of a step, or that run, is over, and so are all before it."""

    run: str
    step: str
    attempt: Attempt
    ticket: str = ""

    @property
    def rank(self) -> tuple[str, Attempt]:
        """As that of a `Holder`."""
        return self.ticket, self.attempt


class Turn(NamedTuple):
    """The record as it is now; of those who asked, who was let in, who waits, and who does not.

    Late is who asks for an attempt when a later one of the step was let in; refused is who does not
    want to wait. It is cleared if the record says no more that somebody waits.
    """

    record: LimitRecord
    cleared: bool
    admitted: tuple[Ask, ...]
    waiting: tuple[Ask, ...]
    late: tuple[Ask, ...]
    refused: tuple[Ask, ...]


def follow(
    record: LimitRecord,
    over: Iterable[Over],
    waiting: Sequence[Ask],
    asked: Sequence[Ask],
    now: float,
    *,
    all_known: bool = False,
) -> Turn:
    """Decide who is let in. If it is a matter of time, `opens_at` of the record says when to look.

    Args:
        record: as it is kept.
        over: those that need it no more.
        waiting: the first of those who wait, longest first, or by turns.
        asked: those who have come just now, in that order.
        now: epoch seconds.
        all_known: nobody else waits. So if all of these are let in, nobody does.
    """
    holders = {(one.run, one.step): one for one in record.holders}
    for one in over:
        held = holders.get((one.run, one.step))
        if held is not None and held.rank <= one.rank:
            del holders[one.run, one.step]
    asks = dict.fromkeys((*waiting, *asked))  # one that asks twice is one
    for ask in asks:
        record = _said(record, ask, now)
        held = holders.get((ask.run, ask.step))
        if held is not None and held.rank < ask.rank:  # that one is over, or this were not
            del holders[ask.run, ask.step]
    record = replace(record, holders=tuple(holders.values()))
    latest = {(ask.run, ask.step): ask.rank for ask in sorted(asks, key=lambda ask: ask.rank)}
    room, passed = record.room(now), list[Ask]()
    sorted_: dict[str, list[Ask]] = {"admitted": [], "waiting": [], "late": [], "refused": []}
    for ask in asks:
        step = ask.run, ask.step
        before = _before(ask, holders.get(step), latest[step], record)
        if before:
            sorted_[before].append(ask)
        elif sorted_["waiting"] or len(passed) >= room:
            sorted_["waiting" if ask.waits else "refused"].append(ask)
        else:
            passed.append(ask)
            sorted_["admitted"].append(ask)
            if record.concurrency:
                holder = Holder(ask.run, now, ask.step, ask.attempt, ask.ticket)
                holders[ask.run, ask.step] = holder
    record = replace(_passed(record, passed, now), holders=tuple(holders.values()))
    cleared = record.awaited and all_known and not sorted_["waiting"]
    if cleared:
        record = replace(record, awaited=False)
    return Turn(record, cleared, *(tuple(found) for found in sorted_.values()))


def is_blind(
    record: LimitRecord,
    over: Sequence[Over],
    waiting: Sequence[Ask],
    asked: Sequence[Ask],
    now: float,
) -> bool:
    """Whether somebody of whom the caller does not know may be the next to be let in.

    Arguments are those of `follow`.
    """
    if not record.awaited:
        return False
    holding = {(one.run, one.step) for one in record.holders}
    given_back = len(over) + sum((one.run, one.step) in holding for one in asked)
    return len(waiting) < record.room(now) + given_back


def set_to(
    record: LimitRecord, concurrency: int, rate: Rate | None, last: str, now: float
) -> LimitRecord:
    """What operators have said holds from now on.

    As many as went at once count as gone under the new rate, but for those beyond its burst: from
    then on it is as after a burst of its own.
    """
    moment, tat = microseconds(now), 0
    if rate is not None and record.rate is not None:
        tat = carried(record.tat, record.rate, rate, moment)
        tat = min(tat, moment + rate.at_once * rate.interval)
    return replace(record, concurrency=concurrency, rate=rate, tat=tat, last=last)


def _said(record: LimitRecord, ask: Ask, now: float) -> LimitRecord:
    """With what the definition of one that asks says."""
    if ask.concurrency is not None and ask.concurrency != record.concurrency:
        return replace(record, concurrency=ask.concurrency)
    if ask.rate is None or ask.rate == record.rate:
        return record
    tat = record.tat
    if record.rate is not None:
        tat = carried(tat, record.rate, ask.rate, microseconds(now))
    return replace(record, rate=ask.rate, tat=tat)


def _before(ask: Ask, held: Holder | None, latest: tuple[str, Attempt], record: LimitRecord) -> str:
    """What has become of one that asks, if that was decided before."""
    if ask.rank < latest:
        return "late"  # else it would hold the limit for a later one that asks as well
    if held is not None:
        return "late" if ask.rank < held.rank else "admitted"
    return "admitted" if ask.mark in record.lately else ""


def _passed(record: LimitRecord, asks: Sequence[Ask], now: float) -> LimitRecord:
    """These have been let in."""
    if record.rate is not None and asks:
        tat = taken(record.rate, record.tat, microseconds(now), len(asks))
        record = replace(record, tat=tat, passed=record.passed + len(asks))
    if record.rate is not None and not record.concurrency:
        marks = [ask.mark for ask in asks if ask.ticket]
        most = min(_LATELY, record.rate.at_once + int(_WITHIN * record.rate.per_second) + 1)
        record = replace(record, lately=(*record.lately, *marks)[-most:])
    shares = [ask.share for ask in asks if ask.share is not None]
    if shares:
        record = replace(record, turns=after(record.turns or Turns(), shares))
    return record
