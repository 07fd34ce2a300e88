"""What is published of schedules."""

from __future__ import annotations

import json

import pytest

from flowworker.codec.subjects import public_subject
from flowworker.core.ids import origin_of
from flowworker.core.model import Workflow
from flowworker.core.schedule import Schedule, run_of_time
from flowworker.core.schedule_acts import paused
from tests.coordinator.resting import World
from tests.coordinator.scheduling import FIRST, SHORT, act, created, events, with_workflows


@pytest.fixture
async def world():
    async with World() as world:
        yield await with_workflows(world)


async def types(world):
    return [event["type"].removeprefix("workflow.schedule.") for event in await events(world)]


async def test_what_operators_do_is_published_in_its_order(world):
    await world.coordinator()
    await created(world)
    await created(world, replace=True, timezone="Europe/Berlin")
    await act(world, world.client.pause_schedule("s", "look first"))
    await act(world, world.client.unpause_schedule("s"))
    await act(world, world.client.delete_schedule("s"))

    assert await types(world) == ["created", "changed", "paused", "unpaused", "deleted"]
    off = (await events(world))[2]
    assert off["source"].endswith("/short/schedule:s")
    assert {**off["data"], "at": 0} == {
        "id": "s",
        "name": "short",
        "at": 0,
        "reason": "look first",
    }


async def test_those_who_subscribe_to_all_that_happens_get_them(world):
    heard = []
    await world.backend.notifier.subscribe(
        public_subject(world.backend.namespace, "workflow.>"),
        lambda _, data: heard.append(json.loads(data)["type"]),
    )
    await world.coordinator()
    await created(world, "long")
    await world.pass_by(90.0)

    assert "workflow.schedule.created" in heard
    assert heard.count("workflow.schedule.skipped") == 1


async def test_a_time_that_begins_no_run_says_why(world):
    await world.coordinator()
    await created(world, "long")
    await world.pass_by(90.0)

    [_, skipped] = await events(world)

    first, second = run_of_time("s", FIRST), run_of_time("s", FIRST + 60.0)
    assert skipped["type"] == "workflow.schedule.skipped"
    assert (skipped["data"]["time"], skipped["data"]["run"]) == (FIRST + 60.0, second)
    assert skipped["data"]["reason"] == f"run {first} had not ended"
    record, _ = await world.stores.schedules.load("s")
    assert record.outbox == ()


async def test_times_of_an_outage_are_missed(world):
    first = await world.coordinator()
    await created(world, catchup_window="2m", overlap="buffer_all")
    await first.stop()
    await world.pass_by(60.0 * 6)
    await world.coordinator()
    await world.pass_by(1.0)

    missed = [one for one in await events(world) if one["type"] == "workflow.schedule.missed"]

    assert [one["data"]["time"] - FIRST for one in missed] == [0.0, 60.0, 120.0, 180.0]


async def test_a_run_that_cannot_begin_and_the_pause_that_follows(world):
    await world.coordinator()
    await created(world, pause_on_failure=True)
    schema = {"type": "object", "required": ["n"]}
    await world.client.register(Workflow("short", SHORT.steps, input_schema=schema))
    await world.pass_by(90.0)

    assert await types(world) == ["created", "rejected", "paused"]
    record, _ = await world.stores.schedules.load("s")
    assert record.outbox == ()


async def test_schedules_of_a_definition_are_created_changed_and_deleted(world):
    await world.coordinator()
    for schedules in ((Schedule("s", every=60.0),), (Schedule("s", every=30.0),), ()):
        await world.client.register(Workflow("short", SHORT.steps, schedules=schedules))
        await world.pass_by(1.0)

    assert await types(world) == ["created", "changed", "deleted"]


async def test_the_history_of_a_run_of_the_same_id_is_its_own(world):
    await world.coordinator()
    await created(world)
    await world.client.start("short", run_id="s")
    await world.pass_by(10.0)

    events = await world.client.history("s")
    assert [one["type"] for one in events][-1] == "workflow.completed"
    assert not [one for one in events if one["type"].startswith("workflow.schedule.")]
    assert await types(world) == ["created"]


async def test_what_is_left_to_say_of_one_that_is_deleted_is_said(world):
    # Given one whose coordinator has died before it has said that it is paused
    await world.coordinator()
    await created(world)
    record, revision = await world.stores.schedules.load("s")
    off = paused(record, "why", origin_of(10_000, world.clock.now()))
    await world.stores.schedules.save(off, revision)

    await act(world, world.client.delete_schedule("s"))

    assert await types(world) == ["created", "paused", "deleted"]


async def test_times_without_a_run_and_pauses_are_counted(world):
    await world.coordinator()
    await created(world, "long")
    await world.pass_by(90.0)
    await act(world, world.client.delete_schedule("s"))
    await created(world, pause_on_failure=True)
    schema = {"type": "object", "required": ["n"]}
    await world.client.register(Workflow("short", SHORT.steps, input_schema=schema))
    await world.pass_by(120.0)

    counted = {
        name: family[workflow]._value.get()
        for name, family, workflow in (
            ("skipped", world.metrics.schedules_skipped, "long"),
            ("rejected", world.metrics.schedules_rejected, "short"),
            ("pauses", world.metrics.schedule_pauses, "short"),
        )
    }
    assert counted == {"skipped": 1, "rejected": 1, "pauses": 1}
