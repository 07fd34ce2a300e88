"""Schedules of workflows with limits: of which times runs begin, and what is said of the others."""

from __future__ import annotations

import pytest

from flowworker import parse
from flowworker.coordinator.commands.entrance import Entrance
from flowworker.coordinator.limits.gate import TurnedAway
from flowworker.core.limit import Strategy
from flowworker.core.schedule import run_of_time
from flowworker.errors import FlowworkerError
from tests.coordinator.resting import World
from tests.coordinator.scheduling import FIRST, created, events, seen

NAP = "steps: [{id: nap, sleep: 150s}]"


@pytest.fixture
async def world():
    async with World() as world:
        yield world


async def follows(world, limits, *, minutes):
    """So many times of a schedule of a workflow with such limits."""
    await world.client.register(parse(f"{{name: one, {limits}, {NAP}}}"))
    await world.coordinator()
    await created(world, "one", overlap="allow_all")
    await world.pass_by(60.0 * minutes)


async def statuses(world):
    return {run.id: str(run.status) for run in await world.client.list()}


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ("singleton: {mode: skip}", "is one too many: its workflow allows one at a time"),
        ("rate_limit: {limit: 1, period: 3m}", "comes too early: its workflow allows 1 per 180 s"),
    ],
)
async def test_times_for_which_there_is_no_place_are_rejected_with_the_reason(
    world, limits, reason
):
    await follows(world, limits, minutes=4)

    # A run takes two and a half minutes
    states = dict(await seen(world))
    assert states == {0.0: "COMPLETED", 1.0: "REJECTED", 2.0: "REJECTED", 3.0: "RUNNING"}
    assert set(await statuses(world)) == {run_of_time("s", FIRST + 60.0 * n) for n in (0, 3)}
    shown = [one.reason for one in (await world.client.schedule("s")).recent]
    assert sum(reason in one for one in shown) == 2
    said = [one["data"] for one in await events(world) if one["type"].endswith("rejected")]
    assert [reason in one["reason"] for one in said] == [True, True]
    # Of the one of three minutes ago nothing is left; the later one may still be met
    left = [await world.stores.runs.load(run_of_time("s", FIRST + 60.0 * n)) for n in (1, 2)]
    assert [None if found is None else bool(found[0].refused) for found in left] == [None, True]


async def test_a_time_whose_run_another_turn_refuses_at_the_same_time_is_rejected(
    world, monkeypatch
):
    async def refused_meanwhile(entrance, record, revision):
        assert await entrance.close(record, TurnedAway("no place", Strategy.SKIP))

    monkeypatch.setattr(Entrance, "enter", refused_meanwhile)

    await follows(world, "singleton: {mode: skip}", minutes=1)

    assert dict(await seen(world)) == {0.0: "REJECTED"}


async def test_times_whose_runs_wait_or_are_cancelled_say_so(world):
    await follows(world, "concurrency: [{limit: 1}]", minutes=2)
    first, second = (run_of_time("s", FIRST + 60.0 * n) for n in range(2))
    assert await statuses(world) == {first: "RUNNING", second: "PENDING"}

    await world.pass_by(60.0)

    assert (await statuses(world))[second] == "RUNNING"


async def test_the_newest_is_cancelled_and_the_schedule_shows_that(world):
    newest = "concurrency: [{limit: 1, strategy: cancel_newest}]"
    await follows(world, newest, minutes=2)

    assert dict(await seen(world)) == {0.0: "RUNNING", 1.0: "CANCELLED"}


async def test_who_is_held_up_makes_no_run_of_a_time_that_another_one_has_rejected(
    world, monkeypatch
):
    # Given a coordinator that is about to begin the second time's run, for which there is no place
    await world.client.register(parse(f"{{name: one, singleton: {{mode: skip}}, {NAP}}}"))
    first = await world.coordinator()
    await created(world, "one", overlap="allow_all")
    await world.pass_by(30.0)
    turns = first._parts.schedules
    save, second = type(turns._runs._runs).save, run_of_time("s", FIRST + 60.0)
    others: list = []

    async def held_up(runs, record, revision):
        if record.run == second and revision == 0 and not others:
            # And another one that does it all meanwhile, and then there is room
            others.append(await world.coordinator())
            found, at = await world.stores.schedules.load("s")
            await others[0]._parts.schedules._follow(found, at, FIRST + 61.0)
            assert (1.0, "REJECTED") in await seen(world)
            record_of_first, _ = await world.stores.runs.load(run_of_time("s", FIRST))
            await others[0]._parts.gate.over(record_of_first)
        return await save(runs, record, revision)

    monkeypatch.setattr(type(turns._runs._runs), "save", held_up)
    found, at = await world.stores.schedules.load("s")
    world.clock.jump(60.0)
    with pytest.raises(FlowworkerError):
        await turns._follow(found, at, FIRST + 61.0)
    await world.pass_by(5.0)

    assert others
    assert (await world.stores.runs.load(second))[0].refused
    assert (1.0, "REJECTED") in await seen(world)
