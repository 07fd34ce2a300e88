"""The endpoints of schedules: when runs begin by themselves."""

from __future__ import annotations

__all__ = ["SCHEDULES", "ScheduleId"]

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from flowworker.client import OccurrenceView, ScheduleView
from flowworker.client.schedules import page_of
from flowworker.core.schedule import SCHEDULE_ID, Overlap
from flowworker.core.status import Priority
from flowworker.web.commands import Text
from flowworker.web.endpoint import Endpoint, Query
from flowworker.web.forms import Name
from flowworker.web.roles import Role

if TYPE_CHECKING:
    from flowworker.web.endpoint import Call

MOST = 500
"""Schedules on a page."""

ScheduleId = Annotated[str, Meta(pattern=f"^{SCHEDULE_ID.pattern}$")]
Duration = float | Text
"""Seconds, or as `1h30m`."""


class SchedulesQuery(Query, frozen=True):
    """Which schedules are listed.

    Attributes:
        workflow: only those that begin runs of it.
        cursor: `next` of the page before; none for the first one.
    """

    workflow: Name | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST)] = 100
    cursor: Annotated[str, Meta(max_length=100)] = ""


class SchedulePage(Struct, frozen=True):
    """Some schedules, by id.

    Attributes:
        next: the cursor of the next page; null if this is the last one.
    """

    schedules: list[ScheduleView]
    next: str | None = None


class CreateSchedule(Struct, frozen=True, forbid_unknown_fields=True):
    """A schedule, of which `cron` or `every` is required.

    Attributes:
        cron: five fields, or six with seconds before them.
        every: instead: one time each so long.
        start_at, end_at: no time before, and none after, by RFC 3339.
        input, labels: of the runs; texts may have `${schedule.time}` and `${schedule.id}`.
        replace: one of that id may exist, and becomes this one.
    """

    id: ScheduleId
    workflow: Name
    input: dict[str, Any] | None = None
    cron: Text | None = None
    every: Duration | None = None
    timezone: Text | None = None
    start_at: Text | None = None
    end_at: Text | None = None
    jitter: Duration | None = None
    overlap: Overlap | None = None
    catchup_window: Duration | None = None
    pause_on_failure: bool | None = None
    max_runs: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    priority: Priority | None = None
    labels: dict[str, str] | None = None
    replace: bool = False


class PauseSchedule(Struct, frozen=True, forbid_unknown_fields=True):
    """Why no time is to begin a run, shown as long as it is so."""

    reason: Text = ""


class UnpauseSchedule(Struct, frozen=True, forbid_unknown_fields=True):
    """That times begin runs again, from now on."""


class TriggerSchedule(Struct, frozen=True, forbid_unknown_fields=True):
    """That a run begins now.

    Attributes:
        overlap: what follows if a run has not ended, instead of what the schedule says.
    """

    overlap: Overlap | None = None


class BackfillSchedule(Struct, frozen=True, forbid_unknown_fields=True):
    """That the runs of all times between two moments begin, both included.

    Attributes:
        begin, end: `from` and `to` in JSON; by RFC 3339.
    """

    begin: Text = msgspec.field(name="from")
    end: Text = msgspec.field(name="to")
    overlap: Overlap | None = None


class Backfilled(Struct, frozen=True):
    """The ids of the runs, in the order of their times."""

    runs: list[str]


async def _list(call: Call) -> SchedulePage:
    query: SchedulesQuery = call.query
    store = call.fleet.stores.schedules
    page, cursor = await page_of(store, query.workflow, query.limit, query.cursor)
    return SchedulePage(page, cursor or None)


async def _show(call: Call) -> ScheduleView:
    return await call.fleet.client.schedule(call.path["schedule"])


async def _create(call: Call) -> ScheduleView:
    form: CreateSchedule = call.body
    said = msgspec.structs.asdict(form)
    about = said.pop("id"), said.pop("workflow"), said.pop("input")
    return await call.fleet.client.create_schedule(*about, **said)


async def _pause(call: Call) -> ScheduleView:
    form: PauseSchedule = call.body
    return await call.fleet.client.pause_schedule(call.path["schedule"], form.reason)


async def _unpause(call: Call) -> ScheduleView:
    return await call.fleet.client.unpause_schedule(call.path["schedule"])


async def _trigger(call: Call) -> OccurrenceView:
    form: TriggerSchedule = call.body
    return await call.fleet.client.trigger_schedule(call.path["schedule"], overlap=form.overlap)


async def _backfill(call: Call) -> Backfilled:
    form: BackfillSchedule = call.body
    schedule, client = call.path["schedule"], call.fleet.client
    runs = await client.backfill_schedule(schedule, form.begin, form.end, overlap=form.overlap)
    return Backfilled(runs)


async def _delete(call: Call) -> None:
    await call.fleet.client.delete_schedule(call.path["schedule"])


_look = partial(Endpoint, "GET")
_act = partial(Endpoint, "POST", role=Role.OPERATOR)

SCHEDULES = (
    _look(
        "/schedules",
        "listSchedules",
        "List schedules.",
        _list,
        SchedulePage,
        SchedulesQuery,
        cost=2.0,
    ),
    _look(
        "/schedules/{schedule}",
        "getSchedule",
        "What a schedule says, when it comes next, and what came of its last times.",
        _show,
        ScheduleView,
    ),
    _act(
        "/schedules",
        "createSchedule",
        "Have runs of a workflow begin by themselves.",
        _create,
        ScheduleView,
        body=CreateSchedule,
        status=201,
    ),
    _act(
        "/schedules/{schedule}/pause",
        "pauseSchedule",
        "Have no time of a schedule begin a run any more; its runs go on.",
        _pause,
        ScheduleView,
        body=PauseSchedule,
    ),
    _act(
        "/schedules/{schedule}/unpause",
        "unpauseSchedule",
        "Have its times begin runs again, from now on.",
        _unpause,
        ScheduleView,
        body=UnpauseSchedule,
    ),
    _act(
        "/schedules/{schedule}/trigger",
        "triggerSchedule",
        "Begin a run of a schedule now; what became of that.",
        _trigger,
        OccurrenceView,
        body=TriggerSchedule,
    ),
    _act(
        "/schedules/{schedule}/backfill",
        "backfillSchedule",
        "Begin the runs of all times between two moments.",
        _backfill,
        Backfilled,
        body=BackfillSchedule,
    ),
    Endpoint(
        "DELETE",
        "/schedules/{schedule}",
        "deleteSchedule",
        "Remove a schedule; its runs go on.",
        _delete,
        None,
        role=Role.OPERATOR,
        status=204,
    ),
)
