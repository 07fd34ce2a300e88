"""Debounce: of starts that come close together, only the last one begins.

Each start is a run, and begins once no other has come for a while. One that comes before that takes
its place. Which run of a key is the last says one record, changed by compare-and-set: by a start
that takes the place, and by the run whose time has come, before it begins. So exactly one of two
that meet there is first: a start that finds its predecessor begun replaces nothing, and a run that
finds a successor does not begin.
"""

from __future__ import annotations

__all__ = ["Debounce", "DebounceRecord", "begun", "debounce_id", "taken_over"]

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
    """

    id: str
    v: int = 1
    run: str = ""
    origin: str = ""
    first: float = 0.0
    begins_at: float = 0.0
    begun: bool = False
    replaced: str = ""


def debounce_id(workflow: str, key: str) -> str:
    """The id of a key; `key` is what it came to, as JSON."""
    return sha256(f"{workflow}/{key}".encode()).hexdigest()[:32]


def taken_over(
    record: DebounceRecord, says: Debounce, run: str, origin: str, now: float
) -> DebounceRecord:
    """A start comes: the record as it is then.

    It is unchanged if the start was seen before, or a later one was: that one is the last. So it is
    by another message that starts the same run.

    Args:
        record: as it is kept.
        says: the definition.
        run: the run that is started.
        origin: identity of the message that starts it.
        now: epoch seconds.
    """
    goes_on = bool(record.run) and not record.begun
    if _order(record.origin) >= _order(origin) or (goes_on and record.run == run):
        return record
    first = record.first if goes_on else now
    begins_at = now + says.period
    if says.timeout:
        begins_at = min(begins_at, max(now, first + says.timeout))
    replaced = record.run if goes_on else ""
    return DebounceRecord(
        record.id, run=run, origin=origin, first=first, begins_at=begins_at, replaced=replaced
    )


def begun(record: DebounceRecord, run: str, origin: str) -> DebounceRecord | None:
    """The time of a run has come: the record as it is then; None if the run was replaced."""
    if record.run != run and _order(record.origin) > _order(origin):
        return None
    return replace(record, run=run, origin=origin, begun=True)


def _order(origin: str) -> tuple[float, int]:
    """By when the server stored it; sequences begin anew with a stream."""
    return (time_of(origin), sequence_of(origin)) if origin else (0.0, 0)
