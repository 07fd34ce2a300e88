"""The worker as a whole: slots, queues, starting."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from flowworker.errors import InvalidInput, Unavailable
from flowworker.handlers.app import App
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.testing.clock import settle
from flowworker.worker.worker import Worker
from tests.support.faults import Flaky
from tests.worker.work import send


async def test_no_more_handlers_run_than_there_are_slots(fleet, work):
    await fleet.worker(concurrency=3)
    for n in range(10):
        await send(fleet, f"r{n}")
    await settle()

    assert work.entered == ["r0", "r1", "r2"]
    assert fleet.sample("attempts_running") == 3
    await work.let_go("r1")
    assert work.entered == ["r0", "r1", "r2", "r3"]
    await work.let_all_go()
    assert sorted(work.left) == [f"r{n}" for n in range(10)]
    assert fleet.sample("attempts_running") == 0


async def test_a_worker_tells_how_many_more_it_would_take(fleet, work):
    settings = replace(fleet.settings, concurrency=3)
    worker = Worker(stores_of(fleet.backend, settings), fleet.app, fleet.clock)
    assert worker.free_slots == 0
    await worker.start()
    assert worker.free_slots == 3

    await send(fleet, "r1")
    await settle()
    assert worker.free_slots == 2
    await work.let_all_go()

    await worker.drain()
    assert worker.free_slots == 0


async def test_several_workers_share_a_queue(fleet, work):
    await fleet.worker(concurrency=1)
    await fleet.worker(concurrency=1)
    await send(fleet, "r1")
    await send(fleet, "r2")
    await settle()

    assert sorted(work.entered) == ["r1", "r2"]
    await work.let_all_go()


async def test_run_returns_when_it_has_been_drained(fleet, work):
    worker = Worker(fleet.stores, fleet.app, fleet.clock)
    running = asyncio.create_task(worker.run())
    await settle()
    assert worker.running
    await send(fleet, "r1")
    await settle()
    await work.let_all_go()

    await worker.drain()
    await running
    assert work.left == ["r1"]


async def test_run_goes_on_with_a_worker_that_has_started(fleet, work):
    worker = await fleet.worker()
    running = asyncio.create_task(worker.run())
    await settle()
    assert not running.done()
    await worker.drain()
    await running
    assert not worker.running


async def test_last_activity_moves_with_the_work(fleet, work):
    worker = await fleet.worker()
    assert Worker(fleet.stores, fleet.app, fleet.clock).last_activity == 0.0
    await fleet.clock.advance(5.0)
    await send(fleet, "r1")
    await settle()
    assert worker.last_activity == 5.0
    await fleet.clock.advance(5.0)
    await work.let_all_go()
    assert worker.last_activity == 10.0


def test_a_worker_without_a_queue_is_refused(fleet):
    with pytest.raises(InvalidInput, match="at least one queue"):
        Worker(fleet.stores, fleet.app, fleet.clock, queues=())


def test_a_worker_without_a_slot_is_refused():
    with pytest.raises(InvalidInput, match="concurrency"):
        Settings(concurrency=0)


async def test_worker_ids_are_unique(fleet):
    def make():
        return Worker(fleet.stores, fleet.app, fleet.clock)

    assert make().id != make().id
    assert make().last_activity == 0.0


async def test_a_worker_that_was_drained_hears_no_notices(fleet, work, monkeypatch):
    heard = []
    monkeypatch.setattr(Worker, "_on_cancel", lambda _, subject, data: heard.append(subject))
    worker = await fleet.worker()
    await fleet.backend.notifier.publish("flowworker.cancel.r1", b"")
    await settle()
    assert len(heard) == 1

    await worker.drain()
    await fleet.backend.notifier.publish("flowworker.cancel.r1", b"")
    await settle()

    assert len(heard) == 1


@pytest.mark.parametrize(
    ("port", "script"),
    [("steps", {"consume": ["ok", "before"]}), ("notifier", {"subscribe": ["before"]})],
)
async def test_a_start_that_fails_leaves_nothing_behind(fleet, work, port, script):
    left = []

    @asynccontextmanager
    async def lifespan():
        yield
        left.append("lifespan")

    fleet.app.lifespan = lifespan
    fleet.rewire(**{port: Flaky(getattr(fleet.backend, port), **script)})
    worker = Worker(fleet.stores, fleet.app, fleet.clock)

    with pytest.raises(Unavailable):
        await worker.start()

    assert left == ["lifespan"]
    assert not worker.running
    await worker.drain()


async def test_a_handler_whose_types_cannot_be_found_stops_the_start(fleet):
    app = App()

    @app.step("x")
    async def x(ctx, order: Unknown): ...  # type: ignore[name-defined]  # noqa: F821

    worker = Worker(fleet.stores, app, fleet.clock)
    with pytest.raises(InvalidInput, match="'Unknown' is not defined"):
        await worker.start()


async def test_the_concurrency_of_the_settings_is_the_number_of_slots(fleet):
    assert (await fleet.worker(concurrency=7)).free_slots == 7
