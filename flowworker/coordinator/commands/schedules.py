"""Commands about schedules -> their records. What follows from these is for `schedules.turns`.

A command writes what is wanted into the record, by compare-and-set, and sets the schedule's timer
off; it starts and stops nothing itself. So there is one place in which runs are begun, however many
operators and coordinators act at the same time. A record that another one has changed meanwhile is
read again: the message comes again.
"""

from __future__ import annotations

__all__ = ["ScheduleCommands"]

from typing import TYPE_CHECKING, TypeAlias

from flowworker.codec.json import UNREADABLE
from flowworker.codec.keys import SCHEDULE_CHANGED, SCHEDULE_NEXT
from flowworker.codec.schedules import ScheduleAction, decode_schedule_command
from flowworker.coordinator.commands.inbox import NotYet
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.schedule_events import publish_outbox
from flowworker.core.ids import DOTTED_NAME, origin_of, time_of
from flowworker.core.occurrence import Occurrence
from flowworker.core.records import shortened
from flowworker.core.schedule import SCHEDULE_ID, Overlap, run_of_time, run_of_trigger
from flowworker.core.schedule_acts import asked, created, deleted, paused, redefined, unpaused
from flowworker.core.staleness import may_be_unseen
from flowworker.definitions.moment import parse_moment
from flowworker.definitions.schedules import schedule_from
from flowworker.errors import (
    DefinitionError,
    InvalidInput,
    NotFound,
    ScheduleIdTaken,
    WorkflowNotFound,
)
from flowworker.schedules import backfill_of, times_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.clock import Clock
    from flowworker.codec.schedules import ScheduleCommand
    from flowworker.core.occurrence import ScheduleRecord
    from flowworker.core.schedule import Schedule
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores


Check: TypeAlias = "Callable[[ScheduleRecord, float], Awaitable[None]]"


class ScheduleCommands:
    """Takes `control.schedule.<action>.<id>` in."""

    def __init__(self, stores: Stores, clock: Clock, check: Check) -> None:
        """Write to the stores' records what `check` does not reject, by the time that is next."""
        self._store = stores.schedules
        self._definitions = stores.definitions
        self._backend = stores.backend
        self._timers = stores.backend.timers
        self._clock = clock
        self._check = check

    async def take(self, rest: str, delivery: Delivery) -> None:
        """One message; `rest` is its subject after `control.schedule.`.

        Raises:
            Rejected: it cannot be followed.
            NotYet: its schedule may be on its way.
            Conflict, Unavailable: it is to be tried again.
        """
        word, _, about = rest.partition(".")
        pattern = DOTTED_NAME if word == ScheduleAction.REGISTER else SCHEDULE_ID
        if word not in set(ScheduleAction) or not pattern.fullmatch(about):
            actions = ", ".join(ScheduleAction)
            raise Rejected(f"control.schedule.{rest}: expected control.schedule.<{actions}>.<id>")
        action = ScheduleAction(word)
        origin = origin_of(delivery.sequence, delivery.time)
        try:
            command = decode_schedule_command(delivery.data or b"{}")
        except UNREADABLE as error:
            raise Rejected(f"control.schedule.{word}: {error}") from error
        match action:
            case ScheduleAction.REGISTER:
                await self._register(about, origin)
            case ScheduleAction.CREATE:
                await self._create(about, command, origin, delivery)
            case ScheduleAction.DELETE:
                await self._delete((await self._find(about, delivery))[0], origin)
            case _:
                record, revision = await self._find(about, delivery)
                await self._save(_acted(action, record, command, origin), revision)

    async def _find(self, schedule: str, delivery: Delivery) -> tuple[ScheduleRecord, int]:
        found = await self._store.load(schedule)
        if found is None:
            self._look_again(delivery)
            raise Rejected(f"no schedule {schedule!r} exists", NotFound.__name__)
        return found

    def _look_again(self, delivery: Delivery) -> None:
        """Raise NotYet once: what was sent before may be followed beside this."""
        if delivery.delivered == 1 and may_be_unseen(delivery.time, self._clock.now()):
            raise NotYet

    async def _create(
        self, name: str, command: ScheduleCommand, origin: str, delivery: Delivery
    ) -> None:
        if command.schedule is None or not DOTTED_NAME.fullmatch(command.workflow):
            raise Rejected("control.schedule.create: expected `workflow` and `schedule`")
        try:
            schedule = schedule_from({**command.schedule, "id": name})
            await self._definitions.latest(command.workflow)
        except (DefinitionError, WorkflowNotFound) as error:
            raise Rejected(str(error), type(error).__name__) from error
        found = await self._store.load(name)
        if found is not None and time_of(origin) <= found[0].said_at:
            await self._wake(name)  # it was followed before, or is out of date
            return
        if found is not None and not command.replace:
            self._look_again(delivery)
            exists = f"schedule {name!r} exists; replace or delete it, or choose another id"
            raise Rejected(exists, ScheduleIdTaken.__name__)
        if found is not None and found[0].defined:
            raise _elsewhere(found[0])
        former, revision = (None, 0) if found is None else found
        record = created(schedule, command.workflow, command.sealed, origin, former)
        time = next(times_of(schedule, record.passed), None)
        if time is None:
            raise Rejected(f"schedule {name!r} has no time from now on: its end_at is past")
        await self._check(record, time)
        await self._save(record, revision)

    async def _register(self, workflow: str, origin: str) -> None:
        """Bring the schedules of a definition to what the latest one says."""
        try:
            wanted = (await self._definitions.latest(workflow)).workflow.schedules
        except (DefinitionError, WorkflowNotFound) as error:
            raise Rejected(str(error), type(error).__name__) from error
        known = {one.id for one in wanted}
        for name in await self._store.defined(workflow):
            found = None if name in known else await self._store.load(name)
            if found is not None and found[0].defined and found[0].workflow == workflow:
                await self._delete(found[0], origin)
        taken = [name for one in wanted if (name := await self._define(workflow, one, origin))]
        if taken:
            raise Rejected("; ".join(taken))

    async def _define(self, workflow: str, schedule: Schedule, origin: str) -> str:
        """Create or change one; what hinders it, or nothing."""
        found = await self._store.load(schedule.id)
        if found is None:
            record = created(schedule, workflow, None, origin, defined=True)
            await self._save(record, 0)
        elif not found[0].defined or found[0].workflow != workflow:
            return str(_elsewhere(found[0]))
        elif time_of(origin) > found[0].said_at:
            record = redefined(found[0], schedule, origin)
            if record is not found[0]:
                await self._save(record, found[1])
        return ""

    async def _save(self, record: ScheduleRecord, revision: int) -> None:
        await self._store.save(record, revision)
        await self._wake(record.id)

    async def _wake(self, schedule: str) -> None:
        await self._timers.set(schedule, SCHEDULE_CHANGED, self._clock.now())

    async def _delete(self, record: ScheduleRecord, origin: str) -> None:
        """Remove it, unless another one has been created since; its runs go on."""
        if record.created_at < time_of(origin):
            await publish_outbox(self._backend, record, (*record.outbox, deleted(origin)))
            await self._store.remove(record)
            await self._timers.clear(record.id, SCHEDULE_NEXT)


def _acted(
    action: ScheduleAction, record: ScheduleRecord, command: ScheduleCommand, origin: str
) -> ScheduleRecord:
    match action:
        case ScheduleAction.TRIGGER:
            time = _moment(action, command.at, time_of(origin))
            run = run_of_trigger(record.id, time)
            wanted = [Occurrence(time, run, time, asked=True, overlap=command.overlap)]
            return _asked(record, wanted, origin)
        case ScheduleAction.BACKFILL:
            return _asked(record, _backfilled(record, command), origin)
        case ScheduleAction.PAUSE:
            return paused(record, shortened(command.reason) or "by an operator", origin)
        case _:
            return unpaused(record, origin)


def _asked(record: ScheduleRecord, wanted: list[Occurrence], origin: str) -> ScheduleRecord:
    try:
        return asked(record, wanted, origin)
    except InvalidInput as error:
        raise Rejected(str(error)) from error


def _backfilled(record: ScheduleRecord, command: ScheduleCommand) -> list[Occurrence]:
    """The times between two moments, both included."""
    if command.begin is None or command.end is None:
        raise Rejected("control.schedule.backfill: expected `from` and `to`")
    action = ScheduleAction.BACKFILL
    begin, end = _moment(action, command.begin), _moment(action, command.end)
    try:
        times = backfill_of(record.schedule, begin, end)
    except InvalidInput as error:
        raise Rejected(f"control.schedule.backfill: {error}") from error
    usual = record.schedule.overlap
    overlap = command.overlap or (usual if usual is Overlap.ALLOW_ALL else Overlap.BUFFER_ALL)
    return [
        Occurrence(time, run_of_time(record.id, time), time, asked=True, overlap=overlap)
        for time in times
    ]


def _moment(action: ScheduleAction, given: str | float | None, usual: float = 0.0) -> float:
    if given is None:
        return usual
    try:
        return parse_moment(given)
    except InvalidInput as error:
        raise Rejected(f"control.schedule.{action}: {error}") from error


def _elsewhere(record: ScheduleRecord) -> Rejected:
    whose = f"the definition of {record.workflow!r}" if record.defined else "somebody by hand"
    return Rejected(
        f"schedule {record.id!r} was created by {whose}: choose another id, or delete it there",
        ScheduleIdTaken.__name__,
    )
