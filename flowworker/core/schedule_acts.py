"""What operators do to a schedule: the record before it, the record after it.

Commands are followed at the same time, in any order. One that sets something counts only if none
that was sent later has been followed; one that asks for runs counts always, and once, since each of
these has an id of its own.
"""

from __future__ import annotations

__all__ = ["asked", "created", "deleted", "paused", "redefined", "unpaused"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.ids import time_of
from flowworker.core.occurrence import MAX_WAITING, ScheduleRecord
from flowworker.core.schedule_events import ScheduleEventType, Unpublished
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.core.occurrence import Occurrence
    from flowworker.core.payload import Inline
    from flowworker.core.schedule import Schedule


def created(
    schedule: Schedule,
    workflow: str,
    sealed: Inline | None,
    origin: str,
    former: ScheduleRecord | None = None,
    *,
    defined: bool = False,
) -> ScheduleRecord:
    """A schedule whose times begin now, or one that says something else from now on.

    That one goes on with its runs; whether it is paused does not change.
    """
    now = time_of(origin)
    if former is None:
        return ScheduleRecord(
            schedule=schedule,
            workflow=workflow,
            created_at=now,
            passed=now,
            last=origin,
            said_at=now,
            defined=defined,
            sealed=sealed,
            outbox=(_entry(ScheduleEventType.CREATED, origin),),
        )
    return replace(
        former,
        schedule=schedule,
        workflow=workflow,
        passed=max(now, former.passed),
        last=_later(former, origin),
        said_at=now,
        defined=defined,
        sealed=sealed,
        ended=False,
        outbox=(*former.outbox, _entry(ScheduleEventType.CHANGED, origin)),
    )


def redefined(former: ScheduleRecord, schedule: Schedule, origin: str) -> ScheduleRecord:
    """The same for one that a definition has: nothing is new if that says what it said before."""
    if schedule == former.schedule:
        return former
    return created(schedule, former.workflow, None, origin, former, defined=True)


def paused(record: ScheduleRecord, reason: str, origin: str) -> ScheduleRecord:
    """No time begins a run any more."""
    if time_of(origin) <= record.paused_at:
        return record
    return replace(
        record,
        paused=reason,
        paused_at=time_of(origin),
        last=_later(record, origin),
        outbox=(*record.outbox, _entry(ScheduleEventType.PAUSED, origin, reason)),
    )


def unpaused(record: ScheduleRecord, origin: str) -> ScheduleRecord:
    """Times begin runs again: from now on, none of those that have passed."""
    now = time_of(origin)
    if now <= record.paused_at:
        return record
    last = _later(record, origin)
    if not record.paused:
        return replace(record, paused_at=now, last=last)
    return replace(
        record,
        paused="",
        paused_at=now,
        passed=max(now, record.passed),
        last=last,
        outbox=(*record.outbox, _entry(ScheduleEventType.UNPAUSED, origin)),
    )


def deleted(origin: str) -> Unpublished:
    """What there is to say of one that is removed; nothing is left of it to say so later."""
    return _entry(ScheduleEventType.DELETED, origin)


def asked(record: ScheduleRecord, wanted: Iterable[Occurrence], origin: str) -> ScheduleRecord:
    """Times that an operator wants, beside those that come by themselves.

    Raises:
        InvalidInput: more than `MAX_WAITING` times would wait: one record has to hold them all.
    """
    waiting = (*record.asked, *record.waiting)
    known = {one.run for one in (*waiting, *record.running, *record.recent)}
    new = tuple(one for one in wanted if one.run not in known)
    if new and len(waiting) + len(new) > MAX_WAITING:
        raise InvalidInput(
            f"schedule {record.id!r} has {len(waiting):,} times that wait, so {len(new):,} more "
            f"are too many: {MAX_WAITING:,} may wait; ask again when some have begun"
        )
    return replace(record, asked=(*record.asked, *new), last=_later(record, origin))


def _entry(kind: ScheduleEventType, origin: str, reason: str = "") -> Unpublished:
    return Unpublished(kind, time_of(origin), origin, reason=reason)


def _later(record: ScheduleRecord, origin: str) -> str:
    return max(record.last, origin, key=time_of)
