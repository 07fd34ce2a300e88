"""A worker that is drained: what it lets end, gives back, and leaves alone."""

from __future__ import annotations

import asyncio
import threading

from flowworker.core.status import Outcome, Priority
from flowworker.testing.clock import settle
from flowworker.worker.worker import Worker
from tests.support.waiting import eventually
from tests.worker.work import send


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
