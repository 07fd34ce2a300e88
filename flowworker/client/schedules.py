"""Schedules for people to look at: what they say, when they come next, and what came of the last.

Times are seconds since the Unix epoch, 0 if there is none.
"""

from __future__ import annotations

__all__ = [
    "OccurrenceView",
    "ScheduleView",
    "find_schedule",
    "occurrence_view",
    "page_of",
    "schedule_view",
    "views_of",
]

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.core.occurrence import OccurrenceState  # noqa: TC001 - frameworks read the types
from flowworker.core.schedule import SCHEDULE_ID, Overlap
from flowworker.errors import InvalidInput, NotFound
from flowworker.schedules import next_times

if TYPE_CHECKING:
    from flowworker.core.occurrence import Occurrence, ScheduleRecord
    from flowworker.stores.schedules import ScheduleStore

_SHOWN = 5
"""Times to come that are shown."""


@dataclass(frozen=True, slots=True)
class OccurrenceView:
    """One time of a schedule, and what became of it.

    Attributes:
        time: which.
        state: of its run; `WAITING` for the end of another one, `SKIPPED` since that had not
            ended, `MISSED` since it was too late, or `REJECTED` if it could not be started.
        began: when the run was started.
        reason: why there is no run, or its end is not known.
    """

    time: float
    run: str
    state: OccurrenceState
    began: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule.

    Attributes:
        state: `ACTIVE`, `PAUSED`, or `ENDED` if no time is left.
        paused: why, if it is.
        defined: it is part of the workflow's definition.
        every, jitter, catchup_window: seconds.
        labels: that its runs get from it, with their expressions.
        started, skipped, missed: of its times, how many began a run, began none since one had not
            ended, or were too late.
        next: when the next runs begin, five at most.
        waiting: times that wait for a run to end.
        running: times whose runs have not ended.
        recent: the last ones that are over, the latest first.
    """

    id: str
    workflow: str
    state: str
    paused: str
    defined: bool
    created_at: float
    cron: str
    every: float
    timezone: str
    start_at: float
    end_at: float
    jitter: float
    overlap: Overlap
    catchup_window: float
    pause_on_failure: bool
    max_runs: int
    labels: dict[str, str]
    started: int
    skipped: int
    missed: int
    next: tuple[float, ...]
    waiting: int
    running: tuple[OccurrenceView, ...]
    recent: tuple[OccurrenceView, ...]


async def find_schedule(store: ScheduleStore, schedule: str) -> ScheduleRecord:
    """The record of a schedule, or NotFound."""
    if not SCHEDULE_ID.fullmatch(schedule):
        raise InvalidInput(
            "expected the id of a schedule, 1 to 100 letters, digits, `_` and `-`, found "
            f"{schedule!r:.150}"
        )
    found = await store.load(schedule)
    if found is None:
        raise NotFound(f"no schedule {schedule!r} exists; `flowworker schedule list` names all")
    return found[0]


def schedule_view(record: ScheduleRecord) -> ScheduleView:
    """What people see of a record."""
    said, left = record.schedule, _SHOWN
    if said.max_runs:
        begun = record.started + sum(not one.asked for one in record.waiting)
        left = min(left, max(said.max_runs - begun, 0))
    coming = next_times(said, record.passed, left)
    state = "PAUSED" if record.paused else "ACTIVE" if coming else "ENDED"
    return ScheduleView(
        id=record.id,
        workflow=record.workflow,
        state=state,
        paused=record.paused,
        defined=record.defined,
        created_at=record.created_at,
        cron=said.cron,
        every=said.every,
        timezone=said.timezone,
        start_at=said.start_at,
        end_at=said.end_at,
        jitter=said.jitter,
        overlap=said.overlap,
        catchup_window=said.catchup_window,
        pause_on_failure=said.pause_on_failure,
        max_runs=said.max_runs,
        labels=said.labels or {},
        started=record.started,
        skipped=record.skipped,
        missed=record.missed,
        next=() if record.paused else tuple(coming),
        waiting=len(record.waiting) + len(record.asked),
        running=tuple(map(occurrence_view, record.running)),
        recent=tuple(map(occurrence_view, reversed(record.recent))),
    )


async def views_of(store: ScheduleStore, workflow: str | None) -> list[ScheduleView]:
    """Of all schedules, by id, or of those of one workflow."""
    found = store.all()
    return [schedule_view(one) async for one in found if workflow in {None, one.workflow}]


async def page_of(
    store: ScheduleStore, workflow: str | None, most: int, after: str
) -> tuple[list[ScheduleView], str]:
    """Those behind an id, as many as that, and the id that the next are behind; "" if none are."""
    page: list[ScheduleView] = []
    async with aclosing(store.all(after)) as found:
        async for one in found:
            if workflow in {None, one.workflow}:
                if len(page) == most:
                    return page, page[-1].id
                page.append(schedule_view(one))
    return page, ""


def occurrence_view(one: Occurrence) -> OccurrenceView:
    """What people see of one of its times."""
    return OccurrenceView(one.time, one.run, one.state, one.began, one.reason)
