"""Renewals whose answer got lost, and claims that were taken over."""

from __future__ import annotations

import asyncio
import threading

import pytest

from flowworker.core.status import Outcome
from flowworker.errors import CorruptRecord, Unavailable
from flowworker.memory.queue import MessageDelivery
from flowworker.testing.clock import settle
from tests.support.faults import Flaky
from tests.support.waiting import eventually
from tests.worker.fleet import running
from tests.worker.heartbeats import beaten, run_until_renewed

pytestmark = pytest.mark.usefixtures("short_tick")


async def test_a_renewal_whose_answer_got_lost_is_recognised(fleet, link, gate):
    link.script = ["after"]
    await run_until_renewed(fleet)
    for _ in range(38):  # the next try meets a Conflict, and the one after it succeeds
        await fleet.clock.advance(0.5)
        await beaten(fleet)
        if link.writes:
            break
    gate.set()
    record = await fleet.ended()

    assert link.writes >= 1
    assert link.opened == 2  # nothing is wrong with one over which a Conflict came
    assert record.outcome is Outcome.COMPLETED
    assert fleet.sample("claims_lost_total") == 0


async def test_a_result_is_written_although_the_last_renewal_got_no_answer(fleet, link, gate):
    link.script = ["after"]
    await run_until_renewed(fleet)
    gate.set()
    record = await fleet.ended()

    assert record.outcome is Outcome.COMPLETED


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_handler_whose_claim_was_taken_over_is_stopped(fleet, link, threaded):
    stopped, entered, release = [], threading.Event(), threading.Event()

    def plain(ctx):
        entered.set()
        release.wait(10)
        stopped.append(ctx.cancelled)

    async def on_loop(ctx):
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.append(ctx.cancelled)
            raise

    fleet.app.step("long")(plain if threaded else on_loop)
    worker = await fleet.worker()
    await fleet.run("long")
    await eventually(entered.is_set)
    await fleet.write(running(fleet.clock, lost=1, lease=1000.0), await fleet.revision())
    await fleet.clock.advance(10.5)
    await eventually(lambda: fleet.sample("claims_lost_total") == 1)
    release.set()
    await eventually(lambda: stopped == [True])
    await settle()

    assert (await fleet.record()).worker == "other"
    assert link.writes == 0
    assert worker.running


@pytest.mark.parametrize(
    "error", [Unavailable("out"), CorruptRecord("step.s", b"{", "damaged")], ids=["out", "damaged"]
)
async def test_a_doubt_that_cannot_be_resolved_is_left_to_the_lease(fleet, link, gate, logs, error):
    link.script = ["after", "ok"]
    records = Flaky(fleet.backend.runs)
    fleet.rewire(runs=records)
    await fleet.worker()
    await fleet.run("wait")
    records.scripts["read"] = [error] * 1000
    for _ in range(30):
        await fleet.clock.advance(3.0)
        await beaten(fleet)
    await eventually(lambda: logs.having("warning", error=str(error)))
    records.scripts["read"] = []
    gate.set()
    record = await fleet.ended()

    # Nobody else took it, so the result still counts.
    assert record.outcome is Outcome.COMPLETED


async def test_a_release_waits_for_the_renewal_in_flight(fleet, slow_link, gate):
    await fleet.worker()
    await fleet.run("wait")
    await fleet.clock.advance(10.5)
    await eventually(slow_link.begun.is_set)
    gate.set()
    await settle()
    assert (await fleet.record()).outcome is Outcome.RUNNING

    slow_link.go_on.set()
    assert (await fleet.ended()).outcome is Outcome.COMPLETED
    assert slow_link.writes == 1


async def test_a_thread_that_outlives_the_drain_is_put_back_until_its_lease_is_over(
    fleet, slow_link, monkeypatch
):
    # Given a thread whose claim is being renewed while the worker drains
    entered, leave = threading.Event(), threading.Event()
    put_back = []
    nak = MessageDelivery.nak

    async def note(delivery, delay=0.0):
        put_back.append(fleet.clock.now() + delay)
        await nak(delivery, delay)

    @fleet.app.step("stuck")
    def stuck(ctx):
        entered.set()
        leave.wait(10)

    monkeypatch.setattr(MessageDelivery, "nak", note)
    worker = await fleet.worker()
    await fleet.run("stuck")
    await eventually(entered.is_set)
    await fleet.clock.advance(10.5)
    await eventually(slow_link.begun.is_set)
    draining = asyncio.create_task(worker.drain())
    await fleet.clock.advance(5.0)
    assert put_back == []

    # When it has been renewed
    slow_link.go_on.set()
    await draining
    leave.set()

    # Then it comes again when that lease ends
    assert put_back == [(await fleet.record()).lease_until]
