"""The worker as a whole: slots, priorities, credit, drain."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from flowworker.core.status import Outcome, Priority
from flowworker.errors import InvalidInput, Unavailable
from flowworker.handlers.app import App
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.testing.clock import settle
from flowworker.worker.worker import Worker
from tests.support.faults import Flaky
from tests.support.waiting import eventually


@pytest.fixture
def work(fleet):
    return Work(fleet.app)


class Work:
    """A handler that waits to be let go, by run."""

    def __init__(self, app):
        self.entered: list[str] = []
        self.left: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}
        self.open = False
        app.step("work")(self.work)

    async def work(self, ctx):
        self.entered.append(ctx.run_id)
        if not self.open:
            await self._gates.setdefault(ctx.run_id, asyncio.Event()).wait()
        self.left.append(ctx.run_id)

    async def let_go(self, run):
        self._gates[run].set()
        await settle()

    async def let_all_go(self):
        self.open = True
        for gate in self._gates.values():
            gate.set()
        await settle()


async def send(fleet, run, priority=Priority.NORMAL, queue="default"):
    await fleet.send(fleet.message("work", run=run, priority=priority, queue=queue))


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


async def test_drain_takes_no_more_and_lets_running_handlers_end(fleet, work):
    worker = await fleet.worker(concurrency=1)
    for priority in Priority:
        await send(fleet, priority.value, priority)
    await settle()

    draining = asyncio.create_task(worker.drain())
    await fleet.clock.advance(1.0)
    assert not worker.running
    assert not draining.done()
    await work.let_all_go()
    await draining

    assert len(work.left) == 1
    assert (await fleet.record(work.left[0])).outcome is Outcome.COMPLETED
    await fleet.worker()
    await settle()
    assert len(work.left) == 3


async def test_a_handler_that_outlives_the_drain_is_given_back_at_once(fleet, work, logs):
    first = await fleet.worker(worker_id="w1")
    await send(fleet, "r1")
    await settle()
    draining = asyncio.create_task(first.drain())
    await fleet.clock.advance(4.0)
    assert work.entered == ["r1"]
    await fleet.clock.advance(2.0)
    await draining

    record = await fleet.record()
    assert (record.outcome, record.lease_until) == (Outcome.RUNNING, 0.0)
    assert len(logs.having("warning", run="r1", step="s", handler="work")) == 1
    assert fleet.sample("attempts_total", handler="work", outcome="released") == 1

    await fleet.worker(worker_id="w2")
    await fleet.clock.advance(0.5)
    assert work.entered == ["r1", "r1"]
    assert (await fleet.record()).worker == "w2"
    await work.let_all_go()
    assert (await fleet.record()).outcome is Outcome.COMPLETED


async def test_a_thread_that_outlives_the_drain_keeps_its_lease(fleet):
    entered, release = threading.Event(), threading.Event()

    @fleet.app.step("stuck")
    def stuck(ctx):
        entered.set()
        release.wait(10)

    worker = await fleet.worker()
    await fleet.run("stuck")
    await eventually(entered.is_set)
    draining = asyncio.create_task(worker.drain())
    await fleet.clock.advance(6.0)
    await draining
    release.set()

    record = await fleet.record()
    assert record.outcome is Outcome.RUNNING
    assert record.lease_until > fleet.clock.now()


async def test_a_handler_that_ignores_everything_does_not_stop_the_drain(fleet, logs):
    release = asyncio.Event()

    @fleet.app.step("stubborn")
    async def stubborn(ctx):
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    worker = await fleet.worker()
    await fleet.run("stubborn")
    draining = asyncio.create_task(worker.drain())
    await fleet.clock.advance(11.0)
    await draining

    assert len(logs.having("warning", handlers=["stubborn"])) == 1
    record = await fleet.record()
    assert record.outcome is Outcome.RUNNING
    assert record.lease_until > fleet.clock.now()  # it may do harm: nobody takes over before
    release.set()
    await settle()


async def test_draining_twice_or_never_started_is_fine(fleet, work):
    worker = await fleet.worker()
    await asyncio.gather(worker.drain(), worker.drain())
    await worker.drain()
    other = Worker(fleet.stores, fleet.app, fleet.clock)
    await other.drain()

    assert not worker.running
    assert not other.running
    await send(fleet, "r1")
    await settle()
    assert work.entered == []


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
