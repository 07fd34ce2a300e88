"""Runs that begin later, whatever dies meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from flowworker.codec.facts import read_event
from flowworker.codec.keys import RETENTION, START
from flowworker.coordinator.commands.entrance import Entrance
from flowworker.core.event_types import EventType
from flowworker.core.ids import time_of
from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.errors import RunIdTaken
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN, World
from tests.coordinator.support import parts_of

FLOW = Workflow("w", (Step("nap", sleep=1.0),), timeout=5.0)
LATER = ["scheduled", "started", "step.started", "step.completed", "completed"]
IN_A_MINUTE = {"delay": "1m"}
BEGIN = 1_000_000_000.0


@pytest.fixture
async def world():
    async with World() as world:
        await world.client.register(FLOW)
        yield world


async def types(world):
    return [kind for kind, _ in await world.history()]


async def status(world):
    return (await world.client.status(RUN)).status


@pytest.mark.parametrize(
    "when",
    [
        IN_A_MINUTE,
        {"delay": 60},
        {"at": datetime.fromtimestamp(BEGIN + 60.0, UTC)},
        {"at": "2001-09-09T01:47:40Z"},
    ],
)
async def test_a_run_begins_when_its_time_has_come(world, when):
    await world.coordinator()
    await world.client.start("w", run_id=RUN, **when)
    await settle()
    view = await world.client.status(RUN)
    assert (view.status, view.begins_at) == (RunStatus.PENDING, BEGIN + 60.0)
    assert [run.id for run in await world.client.list(RunStatus.PENDING)] == [RUN]

    await world.pass_by(59.0)
    assert await types(world) == ["scheduled"]
    await world.pass_by(2.0)

    # Its time counts from when it began: it has not timed out
    view = await world.client.status(RUN)
    assert (view.status, view.created_at) == (RunStatus.COMPLETED, BEGIN + 60.0)
    assert await types(world) == LATER
    assert await world.client.list(RunStatus.PENDING) == []


async def test_its_first_event_does_not_speak_for_the_record(world):
    # A pause may have been asked for, and followed, and forgotten by then
    await world.coordinator()
    await world.client.start("w", run_id=RUN, **IN_A_MINUTE)
    await world.pass_by(61.0)

    stored = await world.backend.events.history(RUN)
    [begun] = [one for one in stored if one.type is EventType.STARTED]
    assert read_event(RUN, begun.data).data.revision == 0


async def test_a_moment_that_is_past_delays_nothing(world):
    await world.coordinator()

    await world.client.start("w", run_id=RUN, at="1999-01-01T00:00:00Z")
    await settle()

    assert await types(world) == LATER[1:3]


async def test_a_delayed_start_outlives_its_coordinator(world):
    first = await world.coordinator()
    await world.client.start("w", run_id=RUN, **IN_A_MINUTE)
    await settle()
    await first.stop()

    await world.pass_by(90.0)
    await world.coordinator()
    await world.pass_by(1.0)

    assert await types(world) == LATER


async def test_a_timer_that_is_lost_is_set_again(world):
    await world.coordinator()
    await world.client.start("w", run_id=RUN, delay=3600.0)
    await settle()
    await world.backend.timers.clear(RUN, START)

    # As for any run that waits: it has its turn once in a while
    await world.pass_by(600.0)

    assert await world.backend.timers.runs(START) == [RUN]
    assert await types(world) == ["scheduled"]


@pytest.mark.parametrize("action", ["cancel", "terminate"])
async def test_a_run_is_stopped_before_it_begins(world, action):
    await world.coordinator()
    await world.client.start("w", run_id=RUN, **IN_A_MINUTE)
    await settle()

    await getattr(world.client, action)(RUN, "no longer")
    await settle()
    await world.pass_by(90.0)

    view = await world.client.status(RUN)
    assert (view.status, view.error) == (RunStatus.CANCELLED, "no longer")
    assert await types(world) == ["scheduled", "cancel_requested", "cancelled"]
    # Nothing else says of which run with that id it was asked
    requested = (await world.client.history(RUN))[1]
    assert time_of(requested["data"]["origin"]) == BEGIN


async def test_a_run_that_was_stopped_before_it_was_announced_is_not_announced(world, monkeypatch):
    # Given a coordinator that stands still between a run's record and its announcement
    await world.coordinator()
    held = []

    async def hold(self, record):
        held.append(record)

    monkeypatch.setattr(Entrance, "_delay", hold)
    await world.client.start("w", run_id=RUN, **IN_A_MINUTE)
    await settle()
    monkeypatch.undo()

    # When the run is cancelled meanwhile, and the coordinator goes on
    await world.client.cancel(RUN, "no longer")
    await world.pass_by(1.0)
    gate = parts_of(world.stores, world.clock).gate
    await Entrance(world.stores, gate, world.clock).announce(held[0], 0)

    # Then the run's end is the last event
    assert await types(world) == ["cancel_requested", "cancelled"]


async def test_an_id_starts_one_run_also_before_it_begins(world):
    await world.coordinator()
    await world.client.start("w", run_id=RUN, **IN_A_MINUTE)
    await settle()

    await world.client.start("w", run_id=RUN, **IN_A_MINUTE)
    with pytest.raises(RunIdTaken):
        await world.client.start("w", {"other": 1}, run_id=RUN)
    await world.pass_by(62.0)

    assert await types(world) == LATER


async def test_a_coordinator_died_after_it_had_begun_the_run(world):
    """Between the record and its event: the alarm comes again."""
    first = await world.coordinator()
    await world.client.start("w", run_id=RUN, **IN_A_MINUTE)
    await settle()
    publish = world.backend.events.publish

    async def fails(run, event_type, data, event_id, **more):
        if event_type == "workflow.started":
            raise RuntimeError("dies")
        await publish(run, event_type, data, event_id, **more)

    world.backend.events.publish = fails
    await world.pass_by(60.0)
    assert await status(world) is RunStatus.RUNNING
    assert await types(world) == ["scheduled"]

    world.backend.events.publish = publish
    await first.stop()
    await world.coordinator()
    await world.pass_by(60.0)

    assert await types(world) == [*LATER[:3], "timed_out", "step.cancelled", "failed"] or (
        await types(world) == LATER
    )


async def test_the_alarm_of_an_earlier_run_of_that_id_begins_nothing(world):
    await world.coordinator()
    await world.client.start("w", run_id=RUN, **IN_A_MINUTE)
    await settle()

    await world.backend.timers.set(RUN, START, BEGIN - 5.0)
    await settle()
    assert await status(world) is RunStatus.PENDING
    await world.pass_by(62.0)

    assert await types(world) == LATER


async def test_a_coordinator_whose_clock_is_late_does_not_spin(world, monkeypatch):
    # Given timers by whose clock it is time already
    set_timer, times = world.backend.timers.set, []

    async def set_fast(run, name, at):
        times.append(at)
        await set_timer(run, name, at - 3600.0 if len(times) < 100 else at)

    monkeypatch.setattr(world.backend.timers, "set", set_fast)
    await world.coordinator()
    await world.client.start("w", run_id=RUN, **IN_A_MINUTE)

    await world.pass_by(10.0)

    assert len(times) < 30
    monkeypatch.undo()
    await world.pass_by(2.0)


@pytest.mark.parametrize(
    ("later", "expected"), [(60.5, RunStatus.RUNNING), (64.0, RunStatus.COMPLETED)]
)
async def test_a_run_that_began_is_not_listed_as_it_was_before(world, later, expected):
    """A coordinator died before it could take it off that list, and the alarm comes again."""
    await world.coordinator()
    await world.client.start("w", run_id=RUN, **IN_A_MINUTE)
    await settle()
    [pending] = await world.backend.runs.keys("index.PENDING.>")
    await world.pass_by(later)
    assert await status(world) is expected
    await world.backend.runs.put(pending, b"")

    await world.backend.timers.set(RUN, START, world.clock.now())
    await settle()

    assert await world.backend.runs.keys("index.PENDING.>") == []


async def test_an_alarm_of_a_run_that_is_over_begins_nothing(world):
    await world.coordinator()
    await world.client.start("w", run_id=RUN)
    await world.pass_by(2.0)

    await world.backend.timers.set(RUN, START, BEGIN - 5.0)
    await settle()

    assert await types(world) == LATER[1:]


async def test_a_run_that_ended_before_it_began_is_listed_somewhere(world):
    # Given one whose end is durable, and not listed yet
    await world.coordinator()
    await world.client.start("w", run_id=RUN, **IN_A_MINUTE)
    await settle()
    found = await world.stores.runs.load(RUN)
    assert found is not None
    record, revision = found
    ended = replace(record, status=RunStatus.CANCELLED, finished_at=BEGIN)
    await world.stores.runs.save(ended, revision)

    # When its time comes
    await world.backend.timers.set(RUN, START, world.clock.now())
    await settle()

    assert await world.stores.runs.list(RunStatus.PENDING) == []
    assert await world.stores.runs.list(RunStatus.CANCELLED) == [("w", RUN)]
    assert await world.backend.timers.runs(RETENTION) == [RUN]
