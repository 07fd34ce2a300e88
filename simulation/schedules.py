"""Schedules: who creates them and acts on them, and what must hold.

What a schedule has begun is known from the runs, and not from what its record says of them.
"""

from __future__ import annotations

__all__ = ["Schedules", "Scheduling"]

from itertools import takewhile
from typing import TYPE_CHECKING

from flowworker.codec.json import decode_schedule, encode
from flowworker.codec.keys import SCHEDULE_CHANGED, SCHEDULE_NEXT
from flowworker.codec.schedule_events import decode_schedule_event
from flowworker.codec.schedules import ScheduleCommand
from flowworker.core.ids import event_id, run_id_of_sequence
from flowworker.core.occurrence import MAX_RECENT, OccurrenceState
from flowworker.core.schedule import Overlap, due_at, run_of_time
from flowworker.core.schedule_events import ScheduleEventType
from flowworker.core.waiting import EARLY
from flowworker.schedules import times_of
from simulation.expecting import expect
from simulation.labels import OF_TIME, check_scheduled

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping
    from random import Random

    from flowworker.core.occurrence import ScheduleRecord
    from flowworker.core.records import RunRecord
    from flowworker.ports import CommandQueue, Delivery
    from simulation.focus import Focus
    from simulation.pending import Pending
    from simulation.truth import Truth

_WORLDS, _TWO = 0.25, 0.3
"""Share of worlds that have a schedule, and of these the share that has two."""

_CREATED, _RATE = 0.3, 0.08
"""How likely, per second, a schedule is created that is to be, and somebody acts on one."""

_MOST = 4
"""Times that one is acted on: it has to end."""

_OVER = {
    OccurrenceState.COMPLETED: "COMPLETED",
    OccurrenceState.FAILED: "FAILED",
    OccurrenceState.CANCELLED: "CANCELLED",
}


class Scheduling:
    """Operators who create schedules, act on them, and delete them when all is over."""

    def __init__(
        self, random: Random, commands: CommandQueue, workflows: list[str], focus: Focus
    ) -> None:
        """Draw whether there is one, unless there always is."""
        number, usual = 0, not (focus.backlog or focus.quiet)
        if focus.scheduled or (usual and random.random() < _WORLDS):
            number = 2 if random.random() < _TWO else 1
        self._random = random
        self._commands = commands
        self._workflows = workflows
        self._left = [f"s{n}" for n in range(number)]
        self._acts: dict[str, int] = {}

    @property
    def uncreated(self) -> list[str]:
        """Those that are to be created."""
        return self._left

    async def look(self, schedules: Schedules) -> None:
        """Create one, perhaps, or act on one."""
        random = self._random
        if self._left and random.random() < _CREATED:
            await self._create(self._left.pop())
        for name, record in list(schedules.records.items()):
            done = self._acts.get(name, 0)
            if record.paused and (done >= _MOST or random.random() < _RATE * 2):
                await self._say("unpause", name)
            elif done < _MOST and random.random() < _RATE:
                self._acts[name] = done + 1
                for _ in range(random.choice((1, 1, 2))):
                    await self._say(random.choice(("pause", "trigger", "unpause")), name)

    async def end(self, schedules: Schedules) -> None:
        """Delete all of them."""
        for name in list(schedules.records):
            await self._say("delete", name)

    async def _create(self, name: str) -> None:
        random = self._random
        said = {
            "every": random.choice((1, 2, 5)),
            "overlap": random.choice(list(Overlap)),
            "max_runs": random.randint(1, 4),
            "catchup_window": random.choice((10, 20, 3600)),
            "jitter": random.choice((0, 0, 3)),
            "pause_on_failure": random.random() < 0.2,  # noqa: PLR2004
            "input": {"order": -1, "padding": "", "things": [], "at": "${schedule.time}"},
            "labels": OF_TIME,
        }
        command = ScheduleCommand(workflow=random.choice(self._workflows), schedule=said)
        await self._say("create", name, command)

    async def _say(self, what: str, name: str, command: ScheduleCommand | None = None) -> None:
        body = b"" if command is None else encode(command)
        await self._commands.send(f"control.schedule.{what}.{name}", body, {})


class Schedules:
    """What is durable of them.

    Attributes:
        robbed: a timer of one may be lost, which only a sweep makes up for.
        records: of those that are there, by id.
    """

    def __init__(self) -> None:
        """There is none."""
        self.robbed = False
        self.records: dict[str, ScheduleRecord] = {}
        self._begun: dict[tuple[str, float, bool], RunRecord] = {}
        self._known: set[str] = set()
        self._wanted: set[str] = set()
        self._said: dict[str, bytes] = {}

    def written(self, key: str, value: bytes, runs: Mapping[str, Truth]) -> None:
        """A record was written: each time that it has passed is decided upon."""
        record = decode_schedule(key, value)
        before = self.records.get(record.id)
        self.records[record.id] = record
        self._known.add(record.id)
        self._wanted |= _unpublished(record)
        if before is None:
            return
        for event in _unpublished(before) - _unpublished(record):
            expect(event in self._said, "an event of a schedule is lost", event)
        expect(record.passed >= before.passed, "a time comes again", key)
        limit = record.schedule.max_runs
        expect(not limit or record.started <= limit, "a schedule begins too many runs", key)
        after = {one.run: one for one in record.recent}
        for one in record.running:
            if one.state is OccurrenceState.RUNNING:
                expect(one.run in runs, "a run is said to be begun, and is not", one.run)
            after[one.run] = one
        after |= {one.run: one for one in (*record.asked, *record.waiting)}
        if len(record.recent) < MAX_RECENT:
            for one in (*before.asked, *before.waiting, *before.running):
                expect(one.run in after, "a time is lost", one.run)
            if record.paused_at == before.paused_at:
                self._check_passed(before, record, {one.time for one in after.values()})
        for one in record.recent:
            truth = runs.get(one.run)
            if one.state in _OVER and one not in before.recent and truth is not None:
                same = truth.over and truth.record.status == _OVER[one.state]
                expect(same, "a run is said to be over, and is not", one.run)

    def _check_passed(
        self, before: ScheduleRecord, record: ScheduleRecord, decided: set[float]
    ) -> None:
        times = times_of(record.schedule, before.passed)
        for time in takewhile(lambda each: each <= record.passed, times):
            expect(time in decided, "a time is passed by", f"{record.id} {time}")

    def published(
        self, event_type: str, event: str, data: bytes, fail: Callable[[str, str], None]
    ) -> bool:
        """Whether it is an event of a schedule: what stands in the record, always the same."""
        if not event_type.startswith("workflow.schedule."):
            return False
        deleted = decode_schedule_event(data).type is ScheduleEventType.DELETED
        if not (deleted or event in self._wanted):
            fail("an event of a schedule that nobody has decided", event)
        if self._said.setdefault(event, data) != data:
            fail("an event of a schedule says something else", event)
        return True

    def begun(self, record: RunRecord, runs: Mapping[str, Truth], now: float) -> None:
        """A run was created: by a schedule, at its time, and alone if it has to be."""
        of = record.schedule
        if of is None:
            return
        where = f"{record.run} of {of.id}"
        by_itself = record.run == run_of_time(of.id, of.time)
        first = self._begun.setdefault((of.id, of.time, by_itself), record)
        former = runs.get(record.run)
        refused = former is not None and former.record.refused
        expect(first is record or refused, "a time begins two runs", where)
        check_scheduled(record, of)
        schedule = self.records.get(of.id)
        if schedule is None:  # it has been deleted meanwhile
            return
        due = due_at(schedule.schedule, of.time)
        expect(not by_itself or due <= now + EARLY, "a run begins before its time", where)
        named = any(one.run == record.run for one in schedule.running)
        expect(named, "a run begins that its schedule does not name", where)
        if schedule.schedule.overlap is not Overlap.ALLOW_ALL:
            others = [
                one.run
                for one in runs.values()
                if not one.over and one.record.schedule is not None
                if one.record.schedule.id == of.id and one.run != record.run
            ]
            expect(not others, "two runs of a schedule at once", f"{where}: {others}")

    def removed(self, pattern: str) -> None:
        """A record was removed."""
        self.records.pop(pattern.partition(".")[2], None)

    def alarm_acked(self, delivery: Delivery, pending: Pending) -> None:
        """A schedule had its turn: something will give it the next one, if there is any."""
        name = delivery.subject.split(".", 2)[1]
        record = self.records.get(name)
        if record is None or record.paused or _is_over(record):
            return
        timers = (SCHEDULE_NEXT, SCHEDULE_CHANGED)
        moving = bool(record.running) or any(pending.timers(name, timer) for timer in timers)
        acted = any(of.endswith(f".{name}") for of in pending.commands("control.schedule"))
        expect(moving or acted or self.robbed, "nothing moves a schedule on", name)

    def command_acked(
        self, delivery: Delivery, rejected: set[str], constructs: Counter[str]
    ) -> None:
        """A command about one was followed, or refused."""
        what, _, name = delivery.subject.removeprefix("control.schedule.").partition(".")
        refused = run_id_of_sequence(delivery.sequence)
        said = any(event.startswith(f"{refused}/") for event in rejected)
        expect(name in self._known or said, "a schedule was lost", f"{what} {name}")
        constructs[f"schedule {what}"] += 1

    def unfinished(self) -> list[str]:
        """Those that go on."""
        left = (one for one in self.records.values() if not _is_over(one))
        return [f"schedule {one.id}: {one.started} begun, {one.running}" for one in left]


def _unpublished(record: ScheduleRecord) -> set[str]:
    return {event_id(record.id, one.type, one.detail) for one in record.outbox}


def _is_over(record: ScheduleRecord) -> bool:
    if record.running or record.asked or record.waiting or record.outbox:
        return False
    return record.started >= record.schedule.max_runs
