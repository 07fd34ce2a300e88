"""Who may run an attempt, and what a worker does that may not."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from flowworker.core.payload import inline
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Kind, Outcome, Priority
from flowworker.ports import Delivery
from flowworker.testing.clock import settle
from tests.worker.fleet import running


async def test_a_step_is_claimed_run_settled_reported_and_acknowledged(fleet, calls):
    worker = await fleet.worker(worker_id="w1")

    await fleet.run("count")

    record = await fleet.record()
    assert (record.outcome, record.worker, record.lost) == (Outcome.COMPLETED, "w1", 0)
    assert record.lease_until == 0.0
    assert await fleet.output() == 1
    started, completed = await fleet.history()
    assert started["id"] == "r1/workflow.step.started/s/1"
    assert completed["id"] == "r1/workflow.step.completed/s/1"
    assert completed["source"] == "/flowworker/order.fulfil/r1"
    assert completed["data"]["revision"] == await fleet.revision()
    assert completed["data"]["worker"] == "w1"
    await fleet.clock.advance(100.0)
    assert calls == [("s", 1)]
    assert worker.running


async def test_two_messages_for_one_attempt_run_it_once(fleet, calls):
    await fleet.worker()
    await fleet.worker()

    message = await fleet.run("count")
    await fleet.send(message, again="!")
    await fleet.clock.advance(100.0)

    assert calls == [("s", 1)]


async def test_two_messages_at_once_in_one_worker_run_it_once(fleet):
    entered, release = [], asyncio.Event()

    @fleet.app.step("wait")
    async def wait(ctx):
        entered.append(ctx.attempt)
        await release.wait()

    await fleet.worker()
    message = await fleet.run("wait")
    await fleet.send(message, again="!")
    await fleet.clock.advance(20.0)
    assert entered == [1]

    release.set()
    record = await fleet.ended()  # its claim may be about to be renewed, in another thread
    await fleet.clock.advance(20.0)

    assert entered == [1]
    assert record.outcome is Outcome.COMPLETED


async def test_the_next_attempt_needs_the_revision_of_the_failure(fleet, calls):
    failed = replace(
        running(fleet.clock), outcome=Outcome.FAILED, error=ErrorInfo("E", ""), lease_until=0.0
    )
    revision = await fleet.write(failed)
    await fleet.worker()

    await fleet.run("count", number=2, revision=revision)

    assert calls == [("s", 2)]
    assert await fleet.types() == ["step.completed"]


async def test_a_message_that_is_out_of_date_is_dropped(fleet, calls):
    await fleet.write(replace(running(fleet.clock, number=2), outcome=Outcome.COMPLETED))
    await fleet.worker()

    await fleet.run("count")
    await fleet.clock.advance(100.0)

    assert calls == []
    assert await fleet.history() == []


async def test_an_outcome_whose_event_was_lost_is_published_again(fleet, calls):
    done = replace(running(fleet.clock), outcome=Outcome.COMPLETED, output=inline(b"7"))
    revision = await fleet.write(done)
    await fleet.worker()

    await fleet.run("count")
    await fleet.clock.advance(100.0)

    started, event = await fleet.history()
    assert started["type"] == "workflow.step.started"
    assert event["type"] == "workflow.step.completed"
    assert event["data"]["revision"] == revision
    assert event["data"]["output"] == {"kind": "inline", "data": 7}
    assert calls == []


async def test_a_claim_that_holds_is_waited_for_and_then_taken_over(fleet, calls):
    await fleet.write(running(fleet.clock, lease=12.0))
    await fleet.worker(worker_id="w2")
    await fleet.run("count")

    await fleet.clock.advance(11.0)
    assert calls == []
    await fleet.clock.advance(2.0)

    assert calls == [("s", 1)]
    record = await fleet.record()
    assert (record.worker, record.lost, record.outcome) == ("w2", 1, Outcome.COMPLETED)
    assert fleet.sample("takeovers_total", queue="default") == 1
    assert fleet.sample("schedule_to_start_seconds_sum", queue="default") == pytest.approx(
        13, abs=1
    )
    # The process that started it may have died before publishing; published twice, it has one id.
    assert await fleet.types() == ["step.started", "step.completed"]


async def test_an_attempt_that_kills_its_workers_is_given_up(fleet, calls):
    await fleet.write(running(fleet.clock, lease=-1.0, lost=2))
    await fleet.worker()

    await fleet.run("count")
    await fleet.clock.advance(100.0)

    record = await fleet.record()
    assert calls == []
    assert record.outcome is Outcome.FAILED
    assert record.error == ErrorInfo(
        "WorkerLost", "3 workers were lost with this step: they died, hung or were cut off", False
    )
    started, event = await fleet.history()
    assert started["type"] == "workflow.step.started"
    assert event["type"] == "workflow.step.attempt_failed"
    assert (event["data"]["error_type"], event["data"]["retryable"]) == ("WorkerLost", False)
    assert fleet.sample("attempts_total", handler="count", outcome="failed") == 1


async def test_a_worker_runs_one_last_claim_at_a_time(fleet):
    entered, gates = [], {run: asyncio.Event() for run in ("r1", "r2", "r3")}

    @fleet.app.step("wait")
    async def wait(ctx):
        entered.append(ctx.run_id)
        await gates[ctx.run_id].wait()

    for run, lost in (("r1", 1), ("r2", 1), ("r3", 0)):
        await fleet.write(running(fleet.clock, run, lease=-1.0, lost=lost))
    await fleet.worker()
    for run in gates:
        await fleet.send(fleet.message("wait", run=run), again="!")
    await fleet.clock.advance(5.0)

    # r1 and r2 lost two workers each: whichever killed them is not to take the other with it.
    assert sorted(entered) == ["r1", "r3"]
    gates["r3"].set()
    await fleet.clock.advance(5.0)
    assert sorted(entered) == ["r1", "r3"]
    gates["r1"].set()
    await fleet.ended("r1")
    await fleet.clock.advance(4.0)
    assert entered[-1] == "r2"
    gates["r2"].set()
    assert (await fleet.ended("r2")).outcome is Outcome.COMPLETED


async def test_last_claims_do_not_wait_for_each_other_for_ever(fleet):
    entered = []

    @fleet.app.step("long")
    async def long(ctx):
        entered.append(ctx.run_id)
        await asyncio.Event().wait()

    for run in ("r1", "r2"):
        await fleet.write(running(fleet.clock, run, lease=-1.0, lost=1))
    await fleet.worker()
    for run in ("r1", "r2"):
        await fleet.send(fleet.message("long", run=run), again="!")
    await fleet.clock.advance(60.0)
    assert len(entered) == 1

    await fleet.clock.advance(40.0)
    assert sorted(entered) == ["r1", "r2"]


@pytest.mark.parametrize("delivered", [1, 2])
async def test_a_message_that_outlived_its_run_is_dropped(fleet, calls, delivered):
    # Given a message that was in somebody's hand when its run was removed
    message = fleet.message("count")
    await fleet.send(message)
    await fleet.backend.runs.purge("run.>")
    held: list[Delivery] = []
    hand = await fleet.backend.steps.consume("default", Priority.NORMAL, held.append)
    hand.grant(1)
    await settle()
    assert len(held) == 1
    await hand.stop()

    if delivered == 1:
        await fleet.clock.advance(31.0)
        await fleet.backend.steps.drop("r1")
        worker = await fleet.worker()
        worker._take(held[0])
    else:
        await held[0].nak()
        await fleet.worker()
    await fleet.clock.advance(100.0)

    assert calls == []
    assert await fleet.backend.runs.keys(">") == []


async def test_a_dispatch_that_knows_of_three_lost_workers_is_given_up_unread(fleet, calls):
    revision = await fleet.write(running(fleet.clock, lease=-1.0, lost=2))
    await fleet.worker()

    await fleet.run("count", lost=3, revision=revision)

    assert (await fleet.record()).error == ErrorInfo(
        "WorkerLost", "3 workers were lost with this step: they died, hung or were cut off", False
    )


async def test_a_compensation_carries_output_and_order_of_its_step(fleet):
    seen = []

    @fleet.app.step("refund")
    async def refund(ctx):
        seen.append((ctx.kind, ctx.input["s"]))
        return "ignored"

    done = replace(running(fleet.clock), outcome=Outcome.COMPLETED, output=inline(b"7"))
    revision = await fleet.write(done)
    await fleet.worker()

    await fleet.run(
        "refund",
        kind=Kind.COMPENSATE,
        revision=revision,
        completed=revision,
        output=inline(b"7"),
        outputs={"s": 7},
    )

    record = await fleet.record()
    assert seen == [(Kind.COMPENSATE, 7)]
    assert (record.kind, record.outcome) == (Kind.COMPENSATE, Outcome.COMPLETED)
    assert (await fleet.output(), record.completed) == (7, revision)
    (event,) = await fleet.history()
    assert event["id"] == "r1/workflow.step.compensated/s"
    assert "output" not in event["data"]
