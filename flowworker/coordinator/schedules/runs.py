"""The runs that schedules begin, as any others, but without a message.

The id of a run follows from its schedule and its time, and its record is created over nothing. So
to start it twice is to start it once, as long as it is retained.
"""

from __future__ import annotations

__all__ = ["ScheduledRuns"]

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flowworker.codec.event_data import EventData
from flowworker.codec.json import encode_sorted
from flowworker.codec.trace import new_trace
from flowworker.coordinator.commands.addressing import publish_to_run
from flowworker.coordinator.commands.inputs import forget_input, input_name
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.requests import read_object
from flowworker.coordinator.commands.run_limits import limited, may_refuse
from flowworker.core.event_types import EventType
from flowworker.core.records import RunRecord, StopReason
from flowworker.core.schedule import OfSchedule
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.definitions.occasions import input_at, labels_at
from flowworker.errors import (
    Conflict,
    DefinitionError,
    InvalidInput,
    PayloadKeyMissing,
    Unavailable,
    WorkflowNotFound,
)
from flowworker.stores.sealing import SCHEDULE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.clock import Clock
    from flowworker.coordinator.commands.starts import Starts
    from flowworker.core.graph import Plan
    from flowworker.core.occurrence import Occurrence, ScheduleRecord
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics

_NAME = input_name("")


class ScheduledRuns:
    """Starts and stops them, and knows how they ended; one for all schedules of a coordinator."""

    def __init__(self, stores: Stores, starts: Starts, clock: Clock, metrics: Metrics) -> None:
        """Start as `starts` does."""
        self._backend = stores.backend
        self._runs = stores.runs
        self._definitions = stores.definitions
        self._payloads = stores.payloads
        self._starts = starts
        self._clock = clock
        self._metrics = metrics

    async def check(self, schedule: ScheduleRecord, time: float) -> None:
        """Raise Rejected if a time could begin no run, as its workflow is now defined."""
        try:
            await self._asked(schedule, time)
        except (DefinitionError, InvalidInput, Rejected, WorkflowNotFound) as error:
            about = f"schedule {schedule.id!r} could begin no run of {schedule.workflow!r}"
            raise Rejected(f"{about}: {error}") from error
        except PayloadKeyMissing:
            return  # nor could it be read when its time comes; that is said then

    async def start(self, schedule: ScheduleRecord, one: Occurrence, until: float) -> str:
        """Start the run of a time, unless it was started; why it cannot be, or nothing.

        Not later than `until`, by the monotonic clock: another coordinator may have started it
        since, and it may have ended and be removed.

        Raises:
            Unavailable: it is to be tried again, or it is too late.
            CorruptRecord, PayloadKeyMissing: the input cannot be read.
        """
        found = await self._runs.load(one.run)
        if found is None:
            try:
                record = await self._new(schedule, one)
                if self._clock.monotonic() > until:
                    raise Unavailable(f"it took too long to start run {one.run}")
                created = await self._runs.save(record, 0)
            except (DefinitionError, InvalidInput, Rejected, WorkflowNotFound) as error:
                await forget_input(self._payloads, one.run, _NAME)
                return str(error)
            except Conflict:
                found = await self._runs.load(one.run)
                if found is None:
                    raise
            else:
                self._metrics.runs_started[record.workflow].inc()
                late = max(self._clock.now() - one.due, 0.0)
                self._metrics.schedule_lateness[record.workflow].observe(late)
                return await self._enter(record, created)
        record = found[0]
        if record.schedule != OfSchedule(schedule.id, one.time):
            return f"run id {one.run} is taken by a run that is none of this schedule"
        if record.status in {RunStatus.RUNNING, RunStatus.PENDING}:
            return await self._enter(record, 0)
        return ""

    async def _enter(self, record: RunRecord, revision: int) -> str:
        """Announce a run; why it is not to be, if its limits say so and nobody has let it in.

        Another turn of its schedule may have found at the same time that they do: its record says
        so, and stays for so long that any older view of the schedule meets it.
        """
        entrance = self._starts.entrance
        why = await entrance.enter(record, revision)
        if why is None and may_refuse(record.admission):
            found = await self._runs.load(record.run)
            return "" if found is None else found[0].refused
        if why is None or (why := await entrance.close(record, why)) is None:
            return ""
        await entrance.put_away(record)
        return str(why)

    async def ends(self, wanted: Iterable[str]) -> dict[str, RunStatus | None]:
        """Those of the runs that have ended, and how; None for those that are removed."""
        found = {run: await self._runs.load(run) for run in wanted}
        return {
            run: None if entry is None else entry[0].status
            for run, entry in found.items()
            if entry is None or entry[0].status in TERMINAL
        }

    async def stop(self, run: str, reason: str, *, terminate: bool) -> None:
        """Ask a run to stop, unless it does. May be repeated."""
        found = await self._runs.load(run)
        if found is None or found[0].status in TERMINAL:
            return
        record = found[0]
        stop = record.stop
        if stop is not None and (not terminate or stop.reason is StopReason.TERMINATED):
            return
        data = EventData(
            id=run,
            name=record.workflow,
            version=record.version,
            reason=reason,
            terminate=terminate,
            at=self._clock.now(),
        )
        kind, detail = EventType.CANCEL_REQUESTED, f"schedule/{'terminate' if terminate else ''}"
        with suppress(Rejected):  # it has ended meanwhile
            await publish_to_run(self._backend, record, "schedule", kind, data, detail)

    async def _new(self, schedule: ScheduleRecord, one: Occurrence) -> RunRecord:
        plan, data, labels = await self._asked(schedule, one.time)
        admission = self._starts.limits.of(plan.workflow, data, labels)
        payload, secrets = await self._starts.inputs.keep(plan, one.run, _NAME, data)
        record = RunRecord(
            run=one.run,
            workflow=schedule.workflow,
            definition=plan.hash,
            version=plan.workflow.version,
            status=RunStatus.RUNNING,
            input=payload,
            created_at=self._clock.now(),
            priority=schedule.schedule.priority or plan.workflow.priority,
            trace=str(new_trace(self._backend.namespace, one.run, "")),
            secrets=secrets,
            schedule=OfSchedule(schedule.id, one.time),
            labels=labels,
        )
        return limited(record, admission)

    async def _asked(
        self, schedule: ScheduleRecord, time: float
    ) -> tuple[Plan, bytes, dict[str, str]]:
        """Of which definition the run of a time is, its input, and its labels."""
        plan = await self._definitions.latest(schedule.workflow)
        given = input_at(schedule.id, await self._given(schedule), time)
        data = await self._starts.inputs.checked(plan, encode_sorted(given))
        own = labels_at(schedule.schedule, time)
        return plan, data, await self._starts.labels.of(plan.workflow, data, own)

    async def _given(self, schedule: ScheduleRecord) -> dict[str, Any]:
        """The input that a schedule says."""
        if schedule.sealed is None:
            return schedule.schedule.input or {}
        return read_object(await self._payloads.load(schedule.sealed, schedule.id, SCHEDULE))
