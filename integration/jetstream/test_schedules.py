"""Delayed steps and timers: message schedules."""

from __future__ import annotations

import time
from typing import Any

import pytest

from flowworker.core.status import Priority
from flowworker.ports import StepAddress
from tests.support.waiting import eventually


def address(run="run-1", step="charge"):
    return StepAddress("q", Priority.NORMAL, run, step)


async def stored(backend):
    api, names = backend.timers._api, backend.timers._names
    info = await api.call(f"STREAM.INFO.{names.first.steps}", {"subjects_filter": ">"})
    return info["state"].get("subjects") or {}


async def test_a_schedule_is_one_message_however_often_it_is_set(open_jetstream, namespace):
    backend = await open_jetstream()
    for i in range(5):
        await backend.timers.set("run-1", "timeout", time.time() + 3600 + i)
        await backend.steps.enqueue(address(), b"x", f"m{i}", time.time() + 3600 + i)

    assert await stored(backend) == {
        f"{namespace}.timer.at.run.run-1.timeout": 1,
        f"{namespace}.timer.at.step.run-1.charge": 1,
    }


async def test_what_fired_is_gone(open_jetstream):
    backend = await open_jetstream()
    got: list[Any] = []
    lane = await backend.steps.consume("q", Priority.NORMAL, got.append)
    timers = await backend.timers.consume(got.append)
    lane.grant(5)
    timers.grant(5)
    await backend.timers.set("run-1", "timeout", time.time() + 0.5)
    await backend.steps.enqueue(address(), b"x", "m", time.time() + 0.5)

    await eventually(lambda: len(got) == 2)
    for delivery in got:
        await delivery.ack()

    async def empty():
        return await stored(backend) == {}

    await eventually(empty)
    assert {delivery.subject for delivery in got} == {
        "timer.run-1.timeout",
        "step.q.normal.run-1.charge",
    }


async def test_a_run_called_like_a_token_of_ours(open_jetstream):
    # Given runs whose ids are words of our subjects
    backend = await open_jetstream()
    later = time.time() + 3600
    for run in ("step", "run", "at", "due"):
        await backend.timers.set(run, "a", later)
        await backend.steps.enqueue(address(run, "a"), b"x", f"{run}/a", later)

    # When what belongs to one of them is dropped
    await backend.steps.drop("step")
    await backend.timers.clear("step", "a")

    # Then nobody else loses anything
    assert len(await stored(backend)) == 6


@pytest.mark.chaos
async def test_schedules_survive_a_server_that_is_killed(own_server, open_jetstream):
    from flowworker.jetstream import ConnectionOptions, TopologyOptions

    backend = await open_jetstream(
        ConnectionOptions(url=own_server.url), topology=TopologyOptions(storage="file")
    )
    got: list[Any] = []
    consumer = await backend.timers.consume(got.append)
    consumer.grant(5)
    await backend.timers.set("run-1", "timeout", time.time() + 2)

    own_server.kill()
    await eventually(lambda: not backend.ready())
    own_server.start()

    await eventually(lambda: got)
    assert got[0].subject == "timer.run-1.timeout"
