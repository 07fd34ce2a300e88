"""Schedules on a real fleet whose coordinators are killed."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from flowworker.core.model import Step, Workflow
from flowworker.core.schedule import Schedule
from integration.fleet.fleet import Fleet

NAP = Workflow("nap", (Step("nap", sleep=1.5),))


async def test_whatever_is_killed_each_time_begins_one_run_and_no_two_at_once(empty_fleet: Fleet):
    # Given two coordinators and a schedule whose runs take longer than the time between two
    fleet, client = empty_fleet, empty_fleet.client
    await client.register(NAP)
    first, _ = fleet.start("coordinator"), fleet.start("coordinator")
    await client.create_schedule("tick", "nap", every="1s", overlap="buffer_all", max_runs=6)

    async def has_begun(number: int) -> bool:
        return (await client.schedule("tick")).started >= number

    # When one is killed, and the other one, and there is none for a while
    await fleet.until(lambda: has_begun(2))
    first.kill()
    await fleet.until(lambda: has_begun(3))
    fleet.processes[1].kill()
    await asyncio.to_thread(fleet.processes[1].wait)
    fleet.start("coordinator")

    async def is_over() -> bool:
        view = await client.schedule("tick")
        return view.state == "ENDED" and not view.running and not view.waiting

    await fleet.until(is_over)

    # Then each of its times has begun one run, one after the other
    view = await client.schedule("tick")
    runs = sorted(await client.list(), key=lambda run: run.id)
    assert [run.id for run in runs] == [one.run for one in reversed(view.recent)]
    assert [one.time for one in view.recent] == [view.recent[0].time - n for n in range(6)]
    assert {run.status for run in runs} == {"COMPLETED"}
    for one, following in pairwise(runs):
        assert one.finished_at <= following.created_at
        assert (await fleet.types(one.id)).count("started") == 1


async def test_schedules_of_a_definition_come_and_go_with_it(empty_fleet: Fleet):
    fleet, client = empty_fleet, empty_fleet.client
    fleet.start("coordinator")
    hourly = Schedule("hourly", every=3600.0)
    daily = Schedule("daily", cron="0 2 * * *", timezone="Europe/Berlin")

    async def names() -> list[str]:
        return [one.id for one in await client.schedules("nap") if one.defined]

    async def are(*wanted: str) -> bool:
        return await names() == sorted(wanted)

    await client.register(Workflow("nap", NAP.steps, schedules=(hourly, daily)))
    await fleet.until(lambda: are("hourly", "daily"))
    await client.register(Workflow("nap", NAP.steps, schedules=(daily,)))
    await fleet.until(lambda: are("daily"))
    await client.register(NAP)
    await fleet.until(are)
