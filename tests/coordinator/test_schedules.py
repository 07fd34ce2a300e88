"""Schedules on a clock that tests move: their times, and the runs that these begin."""

from __future__ import annotations

import pytest

from flowworker.codec.keys import SCHEDULE_CHANGED, SCHEDULE_NEXT
from flowworker.core.model import Workflow
from flowworker.core.schedule import OfSchedule, run_of_time
from flowworker.testing.clock import settle
from tests.coordinator.resting import World
from tests.coordinator.scheduling import (
    FIRST,
    SHORT,
    act,
    created,
    minutes,
    seen,
    with_workflows,
)


@pytest.fixture
async def world():
    async with World() as world:
        yield await with_workflows(world)


async def test_runs_begin_by_themselves_at_their_times(world):
    await world.coordinator()
    await created(world, overlap="skip")
    view = await world.client.schedule("s")
    assert (view.state, minutes(view.recent)) == ("ACTIVE", [])
    assert view.next == tuple(FIRST + 60.0 * n for n in range(5))

    await world.clock.advance(FIRST - 0.5 - world.clock.now())
    await settle()
    assert await seen(world) == []
    await world.pass_by(90.0)

    assert await seen(world) == [(0.0, "COMPLETED"), (1.0, "COMPLETED")]
    run = run_of_time("s", FIRST)
    [record, _] = await world.stores.runs.load(run)
    assert record.schedule == OfSchedule("s", FIRST)
    assert 0.0 <= record.created_at - FIRST < 0.01
    events = await world.client.history(run)
    assert events[0]["data"]["schedule"] == {"id": "s", "time": FIRST}
    assert events[-1]["type"] == "workflow.completed"


async def test_a_schedule_that_rests_has_one_timer_and_nothing_else(world):
    await world.coordinator()
    await created(world)
    await world.pass_by(1.0)

    assert await world.backend.timers.runs(SCHEDULE_NEXT) == ["s"]
    assert await world.backend.timers.runs(SCHEDULE_CHANGED) == []


async def test_under_skip_no_two_run_at_once(world):
    await world.coordinator()
    await created(world, "long")
    await world.pass_by(60.0 * 4)

    assert await seen(world) == [
        (1.0, "SKIPPED"),
        (2.0, "SKIPPED"),
        (0.0, "COMPLETED"),
        (3.0, "RUNNING"),
    ]


async def test_under_allow_all_they_do(world):
    await world.coordinator()
    await created(world, "long", overlap="allow_all")
    await world.pass_by(60.0 * 3)
    assert [state for _, state in await seen(world)] == ["RUNNING"] * 3 or (await seen(world))[
        0
    ] == (0.0, "COMPLETED")


async def test_what_waits_begins_as_soon_as_a_run_has_ended(world):
    await world.coordinator()
    await created(world, "long", overlap="buffer_all")
    await world.clock.advance(FIRST + 149.0 - world.clock.now())
    await settle()
    assert await seen(world) == [(0.0, "RUNNING")]
    assert (await world.client.schedule("s")).waiting == 2

    await world.pass_by(2.0)

    assert await seen(world) == [(0.0, "COMPLETED"), (1.0, "RUNNING")]


@pytest.mark.parametrize("overlap", ["cancel_other", "terminate_other"])
async def test_a_time_stops_the_run_before_it(world, overlap):
    await world.coordinator()
    await created(world, "long", overlap=overlap)
    await world.pass_by(90.0)

    assert await seen(world) == [(0.0, "CANCELLED"), (1.0, "RUNNING")]
    events = await world.client.history(run_of_time("s", FIRST))
    [asked] = [one["data"] for one in events if one["type"] == "workflow.cancel_requested"]
    assert asked["reason"] == "another time of schedule s has come"
    assert asked.get("terminate", False) == (overlap == "terminate_other")


async def test_a_run_that_cannot_begin_is_rejected_and_the_next_one_has_its_turn(world):
    await world.coordinator()
    await created(world)
    schema = {"type": "object", "required": ["n"]}
    await world.client.register(Workflow("short", SHORT.steps, input_schema=schema))

    await world.pass_by(90.0)

    assert await seen(world) == [(0.0, "REJECTED"), (1.0, "REJECTED")]
    assert '"n" is a required' in (await world.client.schedule("s")).recent[0].reason


async def test_a_run_that_cannot_begin_is_none_of_max_runs(world):
    await world.coordinator()
    await created(world, max_runs=1)
    schema = {"type": "object", "required": ["n"]}
    await world.client.register(Workflow("short", SHORT.steps, input_schema=schema))
    await world.pass_by(30.0)
    view = await world.client.schedule("s")
    assert (view.state, view.started, await seen(world)) == ("ACTIVE", 0, [(0.0, "REJECTED")])

    await world.client.register(SHORT)
    await world.pass_by(120.0)

    view = await world.client.schedule("s")
    assert (view.state, view.started) == ("ENDED", 1)
    assert await seen(world) == [(0.0, "REJECTED"), (1.0, "COMPLETED")]


async def test_a_failure_pauses_it_if_it_says_so(world):
    await world.coordinator()
    await created(world, "failing", pause_on_failure=True)
    await world.pass_by(180.0)

    view = await world.client.schedule("s")

    run = run_of_time("s", FIRST)
    assert (view.state, view.paused, view.next) == ("PAUSED", f"run {run} is FAILED", ())
    assert await world.backend.timers.runs(SCHEDULE_NEXT) == []


async def test_an_id_that_another_run_has_begins_nothing(world):
    await world.coordinator()
    await world.client.start("long", run_id=run_of_time("s", FIRST))
    await created(world)

    await world.pass_by(30.0)

    assert await seen(world) == [(0.0, "REJECTED")]
    assert "taken by a run that is none of" in (await world.client.schedule("s")).recent[0].reason


async def test_input_and_priority_are_the_schedules(world):
    await world.coordinator()
    said = {"input": {"n": 1}, "priority": "high"}
    await act(world, world.client.create_schedule("s", "short", every=60, **said))
    await world.pass_by(60.0)

    [record, _] = await world.stores.runs.load(run_of_time("s", FIRST))

    assert await world.client.input_of(record.run) == b'{"n":1}'
    assert record.priority == "high"
