"""Runs that pause and go on, whatever dies meanwhile."""

from __future__ import annotations

import pytest

from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN, World
from tests.support.mortal import Life

NAPS = Workflow("naps", (Step("nap", sleep=60.0), Step("after", depends_on=("nap",), sleep=1.0)))
WORK = Workflow("work", (Step("a", "do.a"),))
BEGAN, ENDED = ("step.started", "nap"), ("step.completed", "nap")
HELD = [("started", ""), BEGAN, ("paused", ""), ENDED]
WHOLE = [
    *HELD,
    ("unpaused", ""),
    ("step.started", "after"),
    ("step.completed", "after"),
    ("completed", ""),
]


@pytest.fixture
async def world():
    async with World() as world:
        yield world


async def paused_nap(world: World) -> None:
    await world.start(NAPS)
    await world.client.pause(RUN, "the bank is down", actor="ops")
    await settle()


async def test_timers_go_on_and_nothing_begins_before_the_run_goes_on(world):
    await world.coordinator()
    await paused_nap(world)

    await world.pass_by(600.0)
    view = await world.client.status(RUN)
    assert (view.paused.reason, view.paused.actor) == ("the bank is down", "ops")
    assert (view.paused.since, view.status) == (world.clock.now() - 600.0, RunStatus.RUNNING)
    assert [run.paused for run in await world.client.list()] == [True]
    assert await world.history() == HELD

    await world.client.unpause(RUN)
    await world.pass_by(2.0)
    assert await world.history() == WHOLE
    assert (await world.client.status(RUN)).paused is None


@pytest.mark.parametrize("changes", range(12))
async def test_whenever_its_coordinator_dies_it_holds_and_goes_on_once(changes):
    async with World() as world:
        first = await world.dying(Life(changes))
        await world.client.register(NAPS)
        await world.client.start(NAPS.name, run_id=RUN)
        await settle()
        await world.backend.commands.send(f"control.pause.{RUN}", b"", {})
        await world.pass_by(90.0)
        await world.backend.commands.send(f"control.unpause.{RUN}", b"", {})
        await settle()
        await first.stop()

        await world.coordinator()
        await world.pass_by(180.0)

        assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
        history = await world.history()
        assert len(history) == len(set(history))


async def test_a_paused_run_is_not_rebuilt_again_and_again(world):
    await world.coordinator()
    await paused_nap(world)
    await world.pass_by(60.0)
    before = world.rebuilt

    await world.pass_by(600.0)

    assert world.rebuilt - before <= 1


async def test_who_takes_a_paused_run_over_holds_it(world):
    first = await world.coordinator()
    await paused_nap(world)
    await first.stop()

    await world.coordinator()
    await world.pass_by(600.0)

    assert await world.history() == HELD


async def test_what_waits_in_a_queue_is_taken_back_and_comes_again(world):
    await world.coordinator()
    await world.start(WORK)
    assert await world.backend.steps.backlog() == {RUN: ["a"]}

    await world.client.pause(RUN)
    await settle()
    assert await world.backend.steps.backlog() == {}

    await world.pass_by(1.0)
    await world.client.unpause(RUN)
    await settle()
    assert await world.backend.steps.backlog() == {RUN: ["a"]}


@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_run_that_begins_later_may_be_paused_before(world, goes_on):
    await world.coordinator()
    await world.client.register(NAPS)
    await world.client.start(NAPS.name, run_id=RUN, delay=60.0)
    await settle()
    await world.client.pause(RUN)
    await settle()
    if goes_on:
        await world.pass_by(1.0)
        await world.client.unpause(RUN)
        await settle()

    await world.pass_by(61.0)
    assert ("started", "") in await world.history()
    assert (BEGAN in await world.history()) is goes_on

    await world.client.unpause(RUN)
    await settle()
    assert BEGAN in await world.history()


async def test_of_a_pause_and_an_unpause_the_one_that_was_sent_last_counts(world):
    first = await world.coordinator()
    await world.start(NAPS)
    await first.stop()
    await world.client.pause(RUN)
    await world.clock.advance(1.0)
    await world.client.unpause(RUN)
    await world.coordinator()

    await world.pass_by(600.0)

    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
