"""What operators do to a schedule: the record before it, the record after it.

Commands are followed at the same time, in any order. One that sets something counts only if none
that was sent later has been followed; one that asks for runs counts always, and once, since each of
these has an id of its own.
"""

from __future__ import annotations

__all__ = ["asked", "created", "paused", "redefined", "unpaused"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.ids import time_of
from flowworker.core.occurrence import ScheduleRecord

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
    return replace(record, paused=reason, paused_at=time_of(origin), last=_later(record, origin))


def unpaused(record: ScheduleRecord, origin: str) -> ScheduleRecord:
    """Times begin runs again: from now on, none of those that have passed."""
    now = time_of(origin)
    if now <= record.paused_at:
        return record
    passed = max(now, record.passed) if record.paused else record.passed
    return replace(record, paused="", paused_at=now, passed=passed, last=_later(record, origin))


def asked(record: ScheduleRecord, wanted: Iterable[Occurrence], origin: str) -> ScheduleRecord:
    """Times that an operator wants, beside those that come by themselves."""
    known = {one.run for one in (*record.asked, *record.waiting, *record.running, *record.recent)}
    new = tuple(one for one in wanted if one.run not in known)
    return replace(record, asked=(*record.asked, *new), last=_later(record, origin))


def _later(record: ScheduleRecord, origin: str) -> str:
    return max(record.last, origin, key=time_of)
