"""Watching a run: every event once, in order, whatever happens to the live ones."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from flowworker.client import watching
from flowworker.clock import Clock, SystemClock
from flowworker.core.ids import COORDINATOR, partition_of
from flowworker.ports import StoredEvent
from flowworker.stores.stores import stores_of
from flowworker.testing import ManualClock
from flowworker.testing.clock import settle
from tests.support.waiting import WAIT_LIMIT

RUN = "run-1"


def event(number: int, kind: str = "workflow.step.started") -> bytes:
    return json.dumps({"id": str(number), "type": kind, "data": {"id": RUN, "name": "w"}}).encode()


async def seen(backend, clock: Clock | None = None) -> list[str]:
    found = watching.watch_run(stores_of(backend), clock or SystemClock(), RUN)
    async with asyncio.timeout(WAIT_LIMIT), aclosing(found) as events:
        return [found["id"] async for found in events]


async def publish(backend, number: int, kind: str = "workflow.step.started") -> None:
    await backend.events.publish(RUN, kind, event(number, kind), str(number))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SHORTEST_SILENCE", 0.05)


async def test_history_and_events_follow_each_other_without_a_gap(backend):
    await publish(backend, 1)
    await publish(backend, 2)
    task = asyncio.create_task(seen(backend))
    await settle()  # it has subscribed, and read the history
    await publish(backend, 3)
    await publish(backend, 4, "workflow.completed")

    assert await task == ["1", "2", "3", "4"]


async def test_a_finished_run_is_published_to_its_end(backend):
    await publish(backend, 1)
    await publish(backend, 2, "workflow.failed")

    assert await seen(backend) == ["1", "2"]


def test_an_event_that_was_published_again_long_after_stands_once_in_a_history():
    def stored(number):
        return StoredEvent(COORDINATOR, "workflow.step.started", event(number))

    found = watching.events_of(RUN, [stored(1), stored(2), stored(1)])

    assert [one["id"] for one in found] == ["1", "2"]


async def test_events_that_come_twice_are_published_once(backend):
    await publish(backend, 1)
    task = asyncio.create_task(seen(backend))
    await settle()  # it has subscribed, and read the history
    subject = f"shop.event.{partition_of(RUN, 2)}.{RUN}.workflow.step.started"
    for _ in range(3):
        await backend.notifier.publish(subject, event(1))
    await publish(backend, 2, "workflow.cancelled")

    assert await task == ["1", "2"]


async def test_events_that_are_lost_are_found_in_the_history(backend):
    backend.events._notifier.notify = lambda *_: None
    clock = ManualClock()
    task = asyncio.create_task(seen(backend, clock))
    for number in range(1, 4):
        await publish(backend, number)
        await clock.advance(watching.LONGEST_SILENCE)
    await publish(backend, 4, "workflow.completed")
    await clock.advance(watching.LONGEST_SILENCE)

    assert await task == ["1", "2", "3", "4"]


async def test_events_lost_before_the_last_one_are_published_before_it(backend):
    task = asyncio.create_task(seen(backend))
    await settle()  # it has subscribed, and read the history
    notify, backend.events._notifier.notify = backend.events._notifier.notify, lambda *_: None
    await publish(backend, 1)
    backend.events._notifier.notify = notify
    await publish(backend, 2, "workflow.completed")

    assert await task == ["1", "2"]


async def test_what_is_no_event_is_passed_over(backend):
    task = asyncio.create_task(seen(backend))
    await settle()  # it has subscribed, and read the history
    prefix = f"shop.event.{partition_of(RUN, 2)}.{RUN}"
    for raw in (b"\xff", b"[]", b'{"id": 7}', b"{}", b'{"id": "x"}', b'{"id": "x", "type": []}'):
        await backend.notifier.publish(f"{prefix}.coordinator.nonsense", raw)
        await backend.notifier.publish(f"{prefix}.nonsense", raw)
    await publish(backend, 1, "workflow.completed")

    assert await task == ["1"]


async def test_a_rejected_start_is_the_end(backend):
    rejected = {"id": "1", "type": "workflow.rejected", "data": {"id": RUN, "name": "w"}}
    await backend.events.publish(RUN, "workflow.rejected", json.dumps(rejected).encode(), "1")

    assert await seen(backend) == ["1"]


async def test_a_rejected_command_is_not_the_end(backend):
    await publish(backend, 1)
    rejected = {"id": "2", "type": "workflow.rejected", "data": {"id": RUN, "reason": "no"}}
    await backend.events.publish(RUN, "workflow.rejected", json.dumps(rejected).encode(), "2")
    await publish(backend, 3, "workflow.completed")

    assert await seen(backend) == ["1", "2", "3"]


async def test_all_runs_are_watched_under_the_namespace(backend):
    async with asyncio.timeout(WAIT_LIMIT), aclosing(watching.watch_all(backend)) as events:
        task = asyncio.create_task(anext(events))
        await settle()
        await publish(backend, 1)
        assert (await task)["id"] == "1"
