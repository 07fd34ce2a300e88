"""Debounce: of starts that come close together, only the last one begins.

Each start is a run, and begins once no other has come for a while. One that comes before that takes
its place. Which run of a key is the last says one record, changed by compare-and-set: by a run
that takes the place, and by the one whose time has come, before it begins. So exactly one of two
that meet there is first: a run that finds its predecessor begun replaces nothing, and one that
finds a successor does not begin. A run has its record before it takes a place: so nobody gives way
to a start that is rejected in the end.
"""

from __future__ import annotations

__all__ = ["Debounce", "DebounceRecord", "begun", "debounce_id", "is_behind", "taken_over"]

from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from flowworker.core.ids import sequence_of, time_of


class Debounce(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which starts of a workflow replace each other (a part of `model`).

    Attributes:
        period: seconds for which no other start may come until the last one begins.
        timeout: seconds after the first one at which the last one begins in any case; 0 for never.
        key: an expression over `input` and `labels`; empty for all starts of the workflow.
    """

    period: float
    timeout: float = 0.0
    key: str = ""


class DebounceRecord(Struct, frozen=True, omit_defaults=True):
    """Which run of a key is the last one.

    Attributes:
        id: of the key.
        run: the last one.
        origin: identity of the message that started it, as in its record.
        first: when the first of those came that replaced each other, epoch seconds.
        begins_at: when the last one begins, epoch seconds.
        begun: it has begun, or was about to.
        replaced: the run in whose place it came; empty for none.
        begun_before: the same as `origin` of the one before it that has begun; empty for none.
    """

    id: str
    v: int = 1
    run: str = ""
    origin: str = ""
    first: float = 0.0
    begins_at: float = 0.0
    begun: bool = False
    replaced: str = ""
    begun_before: str = ""


def debounce_id(workflow: str, key: str) -> str:
    """The id of a key; `key` is what it came to, as JSON."""
    return sha256(f"{workflow}/{key}".encode()).hexdigest()[:32]


def taken_over(
    record: DebounceRecord, says: Debounce, run: str, origin: str, now: float, *, over: bool = False
) -> DebounceRecord:
    """A run comes: the record as it is then.

    It is unchanged if the run was seen before, or a later one was: that one is the last.

    Args:
        record: as it is kept.
        says: the definition.
        run: the run that comes.
        origin: identity of the message that starts it.
        now: when it came, epoch seconds.
        over: the last one was stopped otherwise, so that others are counted anew.
    """
    if is_behind(record.origin, origin) or record.origin == origin:
        return record
    goes_on = bool(record.run) and not record.begun and not over
    first = record.first if goes_on else now
    begins_at = now + says.period
    if says.timeout:
        begins_at = min(begins_at, max(now, first + says.timeout))
    return DebounceRecord(
        record.id,
        run=run,
        origin=origin,
        first=first,
        begins_at=begins_at,
        replaced=record.run if goes_on else "",
        begun_before=record.origin if record.begun else record.begun_before,
    )


def begun(record: DebounceRecord, origin: str) -> DebounceRecord | None:
    """The time of a run has come that has come here: the record then; None if it was replaced."""
    if record.begun_before == origin:
        return record
    return replace(record, begun=True) if record.origin == origin else None


def is_behind(origin: str, other: str) -> bool:
    """Whether the server has stored it later than the other; sequences begin anew with a stream."""
    return _order(origin) > _order(other)


def _order(origin: str) -> tuple[float, int]:
    return (time_of(origin), sequence_of(origin)) if origin else (0.0, 0)
