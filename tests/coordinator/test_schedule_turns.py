"""Turns of schedules in which answers are stale, or something comes in between."""

from __future__ import annotations

import pytest

from flowworker.codec.keys import SCHEDULE_NEXT, schedule_key
from flowworker.coordinator.schedules.runs import ScheduledRuns
from flowworker.coordinator.schedules.turns import Schedules
from flowworker.core.schedule import run_of_time
from flowworker.stores.schedules import ScheduleStore
from tests.coordinator.resting import World
from tests.coordinator.scheduling import FIRST, act, created, seen, with_workflows


@pytest.fixture
async def world():
    async with World() as world:
        yield await with_workflows(world)


async def test_an_end_that_was_not_seen_is_looked_at_again_while_others_wait(world, monkeypatch):
    # Given a time that waits, and a coordinator that is shown for long that the run goes on
    await world.coordinator()
    await created(world, "long", overlap="buffer_one")
    stale = True
    right = ScheduledRuns.ends

    async def ends(self, wanted):
        return {} if stale else await right(self, wanted)

    monkeypatch.setattr(ScheduledRuns, "ends", ends)
    await world.pass_by(FIRST + 170.0 - world.clock.now())
    assert await seen(world) == [(2.0, "SKIPPED"), (0.0, "RUNNING")]

    stale = False
    await act(world, world.client.pause_schedule("s"))
    await act(world, world.client.unpause_schedule("s"))
    await world.pass_by(1.0)
    assert (await seen(world))[-1] == (1.0, "RUNNING")


async def test_times_that_wait_are_looked_at_also_if_no_time_is_to_come(world, monkeypatch):
    await world.coordinator()
    await created(world, "long", overlap="buffer_one", max_runs=2)
    await world.pass_by(FIRST + 61.0 - world.clock.now())
    assert (await world.client.schedule("s")).waiting == 1

    # No more times come, and yet there is a timer
    assert await world.backend.timers.runs(SCHEDULE_NEXT) == ["s"]


async def test_a_coordinator_that_stood_still_starts_nothing(world, monkeypatch):
    # Given one that decides, stands still, and goes on when the run has ended and is removed
    await world.coordinator()
    await created(world)
    right = ScheduledRuns._new

    async def slow(self, schedule, one):
        found = await right(self, schedule, one)
        await world.clock.sleep(20.0)
        return found

    monkeypatch.setattr(ScheduledRuns, "_new", slow)
    await world.pass_by(FIRST + 10.0 - world.clock.now())
    monkeypatch.undo()
    await world.pass_by(60.0)

    # Then its turn comes again, and the run begins by that
    [record, _] = await world.stores.runs.load(run_of_time("s", FIRST))
    assert record.created_at > FIRST + 15.0
    assert (await seen(world))[0] == (0.0, "COMPLETED")


async def test_a_record_that_was_changed_while_the_timer_was_set_has_another_turn(world):
    await world.coordinator()
    await created(world)
    changed: list[str] = []
    right = world.backend.timers.set

    async def set_(run, name, at):
        await right(run, name, at)
        if name == SCHEDULE_NEXT and not changed:
            changed.append(name)
            await right(run, name, at + 3600.0)  # as a slow turn does, of what was true before
            value, revision = await world.backend.runs.read(schedule_key("s"))
            await world.backend.runs.write(schedule_key("s"), value, revision)

    object.__setattr__(world.backend.timers, "set", set_)
    await world.pass_by(90.0)
    assert changed
    assert [state for _, state in await seen(world)] == ["COMPLETED", "COMPLETED"]


async def test_a_turn_that_saw_what_was_before_is_repeated(world, monkeypatch):
    # Given a schedule that goes on, and a coordinator that is shown for a while that it pauses
    await world.coordinator()
    await created(world)
    await act(world, world.client.pause_schedule("s"))
    record, before = await world.stores.schedules.load("s")
    turns: list[str] = []
    right = Schedules.turn

    async def stale(self, schedule, delivery):
        turns.append(schedule)
        with monkeypatch.context() as patched:
            if len(turns) == 1:
                patched.setattr(ScheduleStore, "load", answered((record, before)))
                patched.setattr(ScheduleStore, "revision", answered(before))
            await right(self, schedule, delivery)

    monkeypatch.setattr(Schedules, "turn", stale)
    await act(world, world.client.unpause_schedule("s"))
    await world.pass_by(FIRST + 90.0 - world.clock.now())

    # Then it has another turn, and its times begin runs again
    assert len(turns) > 1
    assert await seen(world)


def answered(what):
    async def answer(*_):
        return what

    return answer
