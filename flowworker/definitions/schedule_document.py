"""A schedule as users write it, in a workflow's `schedules` or by itself."""

from __future__ import annotations

__all__ = ["MAX_SCHEDULES", "ScheduleDocument"]

from typing import Annotated

from msgspec import Meta, Struct

from flowworker.core.schedule import SCHEDULE_ID, Overlap
from flowworker.core.status import Priority
from flowworker.definitions.shapes import Duration, Labelled, Mapped

MAX_SCHEDULES = 100
"""Most schedules of one workflow."""

_Moment = Annotated[str, Meta(examples=["2030-01-31T08:00:00Z"])] | Annotated[float, Meta(ge=0)]


class ScheduleDocument(Struct, forbid_unknown_fields=True):
    """When runs of a workflow begin by themselves."""

    id: Annotated[
        str,
        Meta(
            pattern=f"^{SCHEDULE_ID.pattern}$",
            description="Unique in the namespace; the ids of its runs begin with it.",
        ),
    ]
    cron: Annotated[
        str | None,
        Meta(
            description="Five fields, or six with seconds before them.",
            examples=["0 2 * * *", "30 8 * * MON-FRI", "0 0 L * *"],
        ),
    ] = None
    every: Annotated[
        Duration | None,
        Meta(description="Instead of `cron`: one time each so long, counted from `start_at`."),
    ] = None
    timezone: Annotated[
        str | None,
        Meta(description="Of the IANA database; UTC if not given.", examples=["Europe/Berlin"]),
    ] = None
    start_at: Annotated[_Moment | None, Meta(description="No time before.")] = None
    end_at: Annotated[_Moment | None, Meta(description="No time after.")] = None
    jitter: Annotated[
        Duration | None,
        Meta(description="Runs begin up to so much later; how much follows from the time."),
    ] = None
    overlap: Annotated[
        Overlap | None,
        Meta(description="What becomes of a time at which a run of it has not ended."),
    ] = None
    catchup_window: Annotated[
        Duration | None,
        Meta(description="How late a run may begin, as after an outage; 1d if not given."),
    ] = None
    pause_on_failure: Annotated[
        bool | None, Meta(description="A run that fails pauses the schedule.")
    ] = None
    max_runs: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="So many times begin runs, and no more."),
    ] = None
    priority: Annotated[Priority | None, Meta(description="Lane of the runs.")] = None
    input: Annotated[
        Mapped | None,
        Meta(description="Input of the runs; texts may have ${schedule.time} and ${schedule.id}."),
    ] = None
    labels: Annotated[
        Labelled | None,
        Meta(description="Labels of the runs; texts may have ${schedule.time} and ${schedule.id}."),
    ] = None
