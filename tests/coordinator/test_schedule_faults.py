"""Schedules, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise

import pytest

from flowworker.codec.keys import SCHEDULE_NEXT
from flowworker.core.schedule import run_of_time
from flowworker.errors import (
    ResultTimeout,
)
from tests.coordinator.resting import World
from tests.coordinator.scheduling import (
    FIRST,
    LONG,
    act,
    created,
    events,
    seen,
    with_workflows,
)
from tests.support.mortal import Life


@pytest.fixture
async def world():
    async with World() as world:
        yield await with_workflows(world)


async def test_times_of_an_outage_are_caught_up_within_the_window(world):
    first = await world.coordinator()
    await created(world, catchup_window="2m", overlap="buffer_all")
    await first.stop()

    await world.pass_by(60.0 * 6)
    await world.coordinator()
    await world.pass_by(30.0)

    found = await seen(world)
    assert [one for one in found if one[1] == "MISSED"] == [
        (n, "MISSED") for n in (0.0, 1.0, 2.0, 3.0)
    ]
    assert [minute for minute, state in found if state != "MISSED"] == [4.0, 5.0, 6.0]


async def test_a_timer_that_is_lost_is_set_again_by_the_next_coordinator(world):
    first = await world.coordinator()
    await created(world)
    await world.pass_by(1.0)
    await first.stop()
    await world.backend.timers.clear("s", SCHEDULE_NEXT)

    await world.coordinator()
    await world.pass_by(60.0)

    assert [state for _, state in await seen(world)] == ["COMPLETED"]


async def test_a_schedule_that_rests_is_not_given_a_turn_by_each_new_coordinator(world):
    first = await world.coordinator()
    await created(world)
    await act(world, world.client.pause_schedule("s"))
    await first.stop()
    revision = await world.stores.schedules.revision("s")

    await world.coordinator()
    await world.pass_by(60.0)

    assert await world.stores.schedules.revision("s") == revision


@pytest.mark.parametrize("overlap", ["skip", "buffer_one", "cancel_other", "allow_all"])
async def test_whenever_a_coordinator_dies_each_time_has_its_run_once(overlap):
    """Power is cut after each change that it makes; another one goes on."""
    changes, ended = 0, False
    while not ended:
        async with World() as world:
            await world.client.register(LONG)
            life = Life(changes)
            first = await world.dying(life)
            world.clock.jump(FIRST - 5.0 - world.clock.now())
            task = asyncio.create_task(
                world.client.create_schedule(
                    "s", "long", cron="* * * * *", overlap=overlap, max_runs=2
                )
            )
            while not life.ended and world.clock.now() < FIRST + 600.0:
                await world.pass_by(1.0)
            ended = not life.ended
            await first.stop()
            await world.coordinator()
            await world.pass_by(FIRST + 800.0 - world.clock.now())

            await asyncio.wait([task])
            view = await world.client.schedule("s")
            runs = sorted(run.id for run in await world.client.list())
            assert (view.state, view.started, view.running) == ("ENDED", 2, ())
            states = dict(await seen(world))
            begun = [m for m, state in states.items() if state in {"COMPLETED", "CANCELLED"}]
            assert runs == sorted(run_of_time("s", FIRST + 60.0 * m) for m in begun)
            types = [event["type"].rpartition(".")[2] for event in await events(world)]
            skipped = ["skipped"] * view.skipped
            assert sorted(types) == sorted(["created", *skipped, "ended"])
            for run in runs:
                types = [event["type"] for event in await world.client.history(run)]
                assert types.count("workflow.started") == 1
                assert types.count("workflow.step.started") == 1
            if overlap != "allow_all":
                lives = sorted((r.created_at, r.finished_at) for r in await world.client.list())
                assert all(one[1] <= other[0] for one, other in pairwise(lives))
            with suppress(ResultTimeout):
                await task
            changes += 1
    assert changes > 15


async def test_two_coordinators_that_follow_it_at_once_begin_each_run_once(world):
    for _ in range(3):
        await world.coordinator()
    await created(world, "long", overlap="buffer_one")
    await world.pass_by(60.0 * 5)

    events = [await world.client.history(run.id) for run in await world.client.list()]
    assert all([one["type"] for one in of_run].count("workflow.started") == 1 for of_run in events)
    lives = sorted((one.created_at, one.finished_at) for one in await world.client.list())
    assert all(one[1] <= other[0] for one, other in pairwise(lives) if one[1])
