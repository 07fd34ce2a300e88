"""Handlers that are cancelled, and claims that are lost meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress

import msgspec
import pytest
from msgspec.structs import replace

from flowworker.core.status import Kind, Outcome
from flowworker.testing.clock import settle
from tests.support.faults import Flaky
from tests.support.logs import ANY
from tests.support.waiting import eventually
from tests.worker.fleet import running


async def test_a_cancelled_async_handler_ends_cancelled(fleet):
    cleaned = []

    @fleet.app.step("wait")
    async def wait(ctx):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cleaned.append(ctx.cancelled)
            raise

    await fleet.worker()
    await fleet.run("wait")
    await fleet.cancel()

    assert cleaned == [True]
    assert (await fleet.record()).outcome is Outcome.CANCELLED
    assert await fleet.types() == ["step.started", "step.cancelled"]
    assert (await fleet.history())[-1]["id"] == "r1/workflow.step.cancelled/s/run/1.1"
    await fleet.clock.advance(100.0)
    assert (await fleet.record()).outcome is Outcome.CANCELLED


@pytest.mark.parametrize(
    ("run", "step", "stops"),
    [
        ("r1", "s", True),
        ("r1", "", True),
        ("r1", "other", False),
        ("r2", "", False),
    ],
)
async def test_a_notice_means_a_run_or_one_step_of_it(fleet, gate, run, step, stops):
    await fleet.worker()
    await fleet.run("wait")
    await fleet.cancel(run, step)
    gate.set()
    await settle()

    expected = Outcome.CANCELLED if stops else Outcome.COMPLETED
    assert (await fleet.record()).outcome is expected


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"step": 7}', b"\xff"])
async def test_a_notice_that_cannot_be_read_changes_nothing(fleet, gate, data, logs):
    await fleet.worker()
    await fleet.run("wait")
    await fleet.backend.notifier.publish("flowworker.cancel.r1", data)
    await settle()
    gate.set()
    await settle()

    assert (await fleet.record()).outcome is Outcome.COMPLETED
    assert len(logs.having("warning", subject="flowworker.cancel.r1", error=ANY)) == 1


async def test_an_empty_notice_means_all_steps(fleet):
    @fleet.app.step("wait")
    async def wait(ctx):
        await asyncio.Event().wait()

    await fleet.worker()
    await fleet.run("wait")
    await fleet.backend.notifier.publish("flowworker.cancel.r1", b"")
    await settle()

    assert (await fleet.record()).outcome is Outcome.CANCELLED


async def test_a_handler_that_finishes_in_spite_of_its_cancellation_has_completed(fleet):
    @fleet.app.step("stubborn")
    async def stubborn(ctx):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return "done"

    await fleet.worker()
    await fleet.run("stubborn")
    await fleet.cancel()

    assert await fleet.output() == "done"
    assert (await fleet.record()).outcome is Outcome.COMPLETED


async def test_a_handler_may_cause_its_own_cancellation(fleet):
    @fleet.app.step("suicide")
    async def suicide(ctx):
        body = msgspec.json.encode({"step": "s"})
        await fleet.backend.notifier.publish("flowworker.cancel.r1", body)
        return "done"

    await fleet.worker()
    await fleet.run("suicide")

    assert (await fleet.record()).outcome is Outcome.COMPLETED
    assert await fleet.types() == ["step.started", "step.completed"]


async def test_a_thread_sees_the_flag_and_is_waited_for(fleet):
    entered = threading.Event()

    @fleet.app.step("poll")
    def poll(ctx):
        entered.set()
        while not ctx.cancelled:
            time.sleep(0.001)
        return "finished"

    await fleet.worker()
    await fleet.run("poll")
    await eventually(entered.is_set)
    await fleet.cancel()

    record = await fleet.ended()
    assert record.outcome is Outcome.COMPLETED  # it did its work: the saga undoes it


async def test_a_thread_that_gives_up_on_request_ends_cancelled(fleet):
    entered = threading.Event()

    @fleet.app.step("poll")
    def poll(ctx):
        while True:
            ctx.heartbeat()
            entered.set()
            time.sleep(0.001)

    await fleet.worker()
    await fleet.run("poll")
    await eventually(entered.is_set)
    await fleet.cancel()

    assert (await fleet.ended()).outcome is Outcome.CANCELLED


async def test_a_notice_during_the_claim_is_heeded(fleet):
    async def notice(*args):
        await fleet.backend.notifier.publish("flowworker.cancel.r1", b'{"step": "s"}')
        for _ in range(10):
            await asyncio.sleep(0)

    ran = []

    @fleet.app.step("never")
    async def never(ctx):
        ran.append(ctx)

    fleet.rewire(runs=Flaky(fleet.backend.runs, write=[notice]))
    await fleet.worker()
    await fleet.run("never")

    assert ran == []
    assert (await fleet.record()).outcome is Outcome.CANCELLED


async def test_a_notice_says_nothing_of_a_compensation_that_is_not_claimed_yet(fleet):
    async def notice(*args):
        await fleet.backend.notifier.publish("flowworker.cancel.r1", b'{"step": "s"}')
        await fleet.clock.sleep(1.0)

    @fleet.app.step("refund")
    async def refund(ctx): ...

    fleet.rewire(runs=Flaky(fleet.backend.runs, write=[notice]))
    await fleet.worker()
    await fleet.run("refund", kind=Kind.COMPENSATE)
    await fleet.clock.advance(2.0)

    assert (await fleet.record()).outcome is Outcome.COMPLETED
    assert fleet.sample("claims_lost_total") == 0


@pytest.mark.parametrize("terminated", [False, True])
async def test_a_late_notice_stops_a_compensation_only_if_its_claim_is_gone(fleet, terminated):
    release, cancelled = asyncio.Event(), []

    @fleet.app.step("refund")
    async def refund(ctx):
        try:
            await release.wait()
        except asyncio.CancelledError:
            cancelled.append(ctx.step_id)
            raise

    await fleet.worker()
    await fleet.run("refund", kind=Kind.COMPENSATE)
    await fleet.cancel()
    if terminated:
        gone = replace(await fleet.record(), outcome=Outcome.CANCELLED, finished_at=1.0)
        await fleet.write(gone, await fleet.revision())
    await fleet.clock.advance(1.0)
    release.set()
    await settle()

    assert cancelled == (["s"] if terminated else [])
    expected = Outcome.CANCELLED if terminated else Outcome.COMPLETED
    assert (await fleet.record()).outcome is expected


@pytest.mark.parametrize("purged", [False, True])
async def test_a_late_result_is_refused_and_not_acknowledged(fleet, purged, logs):
    release = asyncio.Event()

    @fleet.app.step("slow")
    async def slow(ctx):
        await release.wait()
        return "late"

    await fleet.worker(worker_id="w1")
    await fleet.run("slow")
    if purged:
        await fleet.backend.runs.purge("step.>")
    else:
        await fleet.write(running(fleet.clock, lost=1, lease=1000.0), await fleet.revision())
    release.set()
    await settle()

    assert len(logs.having("warning", worker="w1", run="r1", step="s")) == 1
    assert fleet.sample("claims_lost_total") == 1
    assert await fleet.types() == ["step.started"]
    lane = fleet.backend.steps._lane("default", "normal")
    assert len(lane._inflight) == 1
    if not purged:
        assert (await fleet.record()).worker == "other"


async def test_a_thread_may_return_a_coroutine(fleet):
    async def inner(n):
        return n + 1

    fleet.app.step("indirect")(lambda ctx: inner(1))
    await fleet.worker()
    await fleet.run("indirect")

    await fleet.ended()
    assert await fleet.output() == 2


async def test_attempts_and_times_are_counted(fleet):
    @fleet.app.step("one")
    async def one(ctx):
        return 1

    await fleet.worker()
    await fleet.run("one")

    assert fleet.sample("attempts_total", handler="one", outcome="completed") == 1
    assert fleet.sample("handler_seconds_count", handler="one") == 1
    assert fleet.sample("attempts_running") == 0
