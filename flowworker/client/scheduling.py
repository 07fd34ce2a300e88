"""What a client does to schedules. It waits until a coordinator has followed it."""

from __future__ import annotations

__all__ = ["ScheduleArguments", "Scheduling"]

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from flowworker.client.commands import body_of
from flowworker.client.following import followed
from flowworker.client.schedules import find_schedule, occurrence_view, schedule_view
from flowworker.client.starting import check_dotted_name, encode_input, one_of
from flowworker.codec.json import decode_value, encode
from flowworker.codec.schedules import ScheduleAction, ScheduleCommand
from flowworker.core.ids import sequence_of
from flowworker.core.occurrence import OccurrenceState
from flowworker.core.payload import Inline
from flowworker.core.schedule import Overlap, run_of_time, run_of_trigger
from flowworker.definitions.moment import parse_moment
from flowworker.errors import InvalidInput, NotFound, ScheduleIdTaken
from flowworker.schedules import backfill_of, times_of
from flowworker.stores.sealing import SCHEDULE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.client.schedules import OccurrenceView, ScheduleView
    from flowworker.clock import Clock
    from flowworker.core.occurrence import ScheduleRecord
    from flowworker.core.status import Priority
    from flowworker.stores.stores import Stores


class ScheduleArguments(TypedDict, total=False):
    """What a schedule says. One with neither `cron` nor `every` is none; None says nothing.

    Attributes:
        cron: an expression of five fields, or of six with seconds before them.
        every: instead: one time each so long, counted from `start_at`, or else from 1970; seconds,
            or a text such as `15m`, as all durations here.
        timezone: of the expression, such as `Europe/Berlin`; UTC if not given.
        start_at: no time before: a datetime with a time zone, or RFC 3339.
        end_at: no time after.
        jitter: runs begin up to so much later.
        overlap: what becomes of a time at which a run has not ended: `skip` (if not given),
            `buffer_one`, `buffer_all`, `cancel_other`, `terminate_other` or `allow_all`.
        catchup_window: how late a run may begin; a day if not given.
        pause_on_failure: a run that fails pauses the schedule.
        max_runs: so many times begin runs, and no more.
        priority: lane of the runs, instead of the workflow's.
        labels: of the runs, beside those of their workflow. In these texts, and in those of the
            input, `${schedule.time}` is the time that begins the run, and `${schedule.id}` the id.
    """

    cron: str | None
    every: float | str | None
    timezone: str | None
    start_at: datetime | str | None
    end_at: datetime | str | None
    jitter: float | str | None
    overlap: Overlap | str | None
    catchup_window: float | str | None
    pause_on_failure: bool | None
    max_runs: int | None
    priority: Priority | str | None
    labels: Mapping[str, str] | None


class Scheduling:
    """A part of `Client`."""

    _stores: Stores
    _clock: Clock

    async def create_schedule(
        self,
        schedule_id: str,
        workflow: str,
        input: Any = None,
        *,
        replace: bool = False,
        **said: Unpack[ScheduleArguments],
    ) -> ScheduleView:
        """Have runs of a workflow begin by themselves, from now on.

        Args:
            schedule_id: unique; the ids of its runs begin with it.
            workflow: name of a registered workflow. Each run has its latest definition.
            input: of all runs, as for `start`, with expressions if wanted; at most 64 KiB as JSON.
            replace: a schedule of that id may exist, and becomes this one.
            said: what it says, `cron` or `every` at least: see `ScheduleArguments`.

        Raises:
            DefinitionError: what it says is not what was expected; lists every problem.
            ScheduleIdTaken: it exists, or is one of a definition.
            InvalidInput: it has no time from now on, or its next one could begin no run: what it
                says is no input of the workflow, or its labels are none.
            WorkflowNotFound: no such workflow is registered.
            ResultTimeout: no coordinator was there to follow it; it is kept, and will be.
        """
        from flowworker.definitions.schedules import (  # noqa: PLC0415 - slow to import
            MAX_INPUT,
            schedule_from,
        )

        check_dotted_name("a workflow name", workflow)
        stated = ((key, value) for key, value in said.items() if value not in (None, {}))
        given = {key: _written(value) for key, value in stated}
        if input is not None:
            given["input"] = decode_value("input", encode_input(input, MAX_INPUT))
        schedule = schedule_from({**given, "id": schedule_id})
        await self._stores.definitions.latest(workflow)
        found = await self._stores.schedules.load(schedule_id)
        if found is not None and not replace:
            raise ScheduleIdTaken(
                f"schedule {schedule_id!r} exists; replace or delete it, or choose another id"
            )
        if next(times_of(schedule, self._clock.now()), None) is None:
            raise InvalidInput(f"schedule {schedule_id!r} has no time from now on: its end is past")
        sealed = None
        if "input" in given:
            body, room = encode(given["input"]), self._stores.backend.max_body
            payload = await self._stores.payloads.for_command(schedule_id, SCHEDULE, body, room)
            if isinstance(payload, Inline):
                sealed = payload
                del given["input"]
        command = ScheduleCommand(workflow=workflow, schedule=given, sealed=sealed, replace=replace)
        return schedule_view(await self._do(ScheduleAction.CREATE, schedule_id, command))

    async def pause_schedule(self, schedule_id: str, reason: str = "") -> ScheduleView:
        """Have no time of it begin a run any more; its runs go on.

        Raises:
            NotFound: there is no such schedule.
            ResultTimeout: no coordinator was there to follow it; it is kept, and will be.
        """
        await find_schedule(self._stores.schedules, schedule_id)
        command = ScheduleCommand(reason=reason)
        return schedule_view(await self._do(ScheduleAction.PAUSE, schedule_id, command))

    async def unpause_schedule(self, schedule_id: str) -> ScheduleView:
        """Have its times begin runs again, from now on: none of those that have passed.

        Raises as `pause_schedule`.
        """
        await find_schedule(self._stores.schedules, schedule_id)
        command = ScheduleCommand()
        return schedule_view(await self._do(ScheduleAction.UNPAUSE, schedule_id, command))

    async def trigger_schedule(
        self, schedule_id: str, *, overlap: Overlap | str | None = None
    ) -> OccurrenceView:
        """Begin a run of it now, also while it is paused; what became of that.

        If a run has not ended, its `overlap` says what follows, or the one that is given here.
        Raises as `pause_schedule`.
        """
        await find_schedule(self._stores.schedules, schedule_id)
        at = round(self._clock.now(), 6)
        command = ScheduleCommand(at=at, overlap=_overlap(overlap))
        record = await self._do(ScheduleAction.TRIGGER, schedule_id, command)
        run = run_of_trigger(schedule_id, at)
        for one in (*record.running, *record.waiting, *reversed(record.recent)):
            if one.run == run:
                return occurrence_view(one)
        raise NotFound(f"what became of run {run} of schedule {schedule_id!r} is no longer known")

    async def backfill_schedule(
        self,
        schedule_id: str,
        begin: datetime | str,
        end: datetime | str,
        *,
        overlap: Overlap | str | None = None,
    ) -> list[str]:
        """Begin the runs of all times between two moments, both included; their ids.

        A time whose run is there begins none. They run one after the other, unless the schedule, or
        `overlap`, says `allow_all`.

        Raises:
            InvalidInput: there is no time between these moments, or there are more than 1,000; or
                more would wait, with those that wait already.
            NotFound, ResultTimeout: as `pause_schedule`.
        """
        record = await find_schedule(self._stores.schedules, schedule_id)
        first, last = (one if isinstance(one, str) else one.isoformat() for one in (begin, end))
        times = backfill_of(record.schedule, parse_moment(first), parse_moment(last))
        command = ScheduleCommand(begin=first, end=last, overlap=_overlap(overlap))
        await self._do(ScheduleAction.BACKFILL, schedule_id, command)
        return [run_of_time(schedule_id, time) for time in times]

    async def delete_schedule(self, schedule_id: str) -> None:
        """Remove it. Its runs go on. Raises as `pause_schedule`."""
        await find_schedule(self._stores.schedules, schedule_id)
        await self._do(ScheduleAction.DELETE, schedule_id, ScheduleCommand())

    async def _do(
        self, action: ScheduleAction, schedule: str, command: ScheduleCommand
    ) -> ScheduleRecord:
        """Send a command, and wait for the record as it is then; for one deleted, as it was."""
        subject = f"control.schedule.{action}.{schedule}"
        former = await self._stores.schedules.load(schedule)
        body = body_of(command)
        sequence = await self._stores.backend.commands.send(subject, body, {})

        async def look() -> ScheduleRecord | None:
            found = await self._stores.schedules.load(schedule)
            if action is not ScheduleAction.DELETE:
                return found[0] if found and _has_followed(found[0], sequence) else None
            gone = former and (found is None or found[0].created_at != former[0].created_at)
            return former[0] if gone and former else None

        what = f"{action} of schedule {schedule!r}"
        return await followed(self._stores.backend, self._clock, sequence, what, look)


def _has_followed(record: ScheduleRecord, sequence: int) -> bool:
    """Whether that command was followed, and all that was asked for is decided upon and begun."""
    starting = OccurrenceState.STARTING
    is_begun = all(one.state is not starting for one in record.running)
    return sequence_of(record.last) >= sequence and not record.asked and is_begun


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _overlap(given: Overlap | str | None) -> Overlap | None:
    found: Overlap | None = None if given is None else one_of(Overlap, given, "an overlap")
    return found
