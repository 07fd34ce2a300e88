"""Who may run an attempt, and what a worker does that may not, or does not know."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from flowworker.codec.messages import StepInput
from flowworker.core.payload import inline
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Kind, Outcome, Priority
from flowworker.errors import Conflict, Unavailable
from flowworker.memory.queue import MessageDelivery
from flowworker.ports import Delivery, StepAddress
from flowworker.stores.payloads import PayloadStore
from flowworker.testing.clock import settle
from tests.support.faults import Flaky
from tests.support.logs import ANY
from tests.worker.fleet import Fleet, running


@pytest.fixture
def calls(fleet):
    calls: list[tuple[str, int]] = []

    @fleet.app.step("count")
    async def count(ctx):
        calls.append((ctx.step_id, ctx.attempt))
        return len(calls)

    return calls


async def test_a_step_is_claimed_run_settled_told_and_acknowledged(fleet, calls):
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


async def test_an_outcome_whose_news_was_lost_is_told_again(fleet, calls):
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
    # Whoever started it may have died before telling; told twice, it has one id.
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


@pytest.mark.parametrize("answer", ["before", "after"])
async def test_a_write_without_an_answer_is_repeated(fleet, calls, answer):
    records = Flaky(fleet.backend.runs, write=[answer, "ok", answer])
    fleet.rewire(runs=records)
    await fleet.worker()

    await fleet.run("count")
    await fleet.clock.advance(5.0)

    assert calls == [("s", 1)]
    assert (await fleet.record()).outcome is Outcome.COMPLETED
    assert await fleet.types() == ["step.started", "step.completed"]


async def test_a_result_whose_answer_got_lost_is_known_again(fleet, calls):
    fleet.rewire(runs=Flaky(fleet.backend.runs, write=["ok", "after"]))
    await fleet.worker()

    await fleet.run("count")
    await fleet.clock.advance(1.0)  # long before the message would come again

    assert calls == [("s", 1)]
    assert await fleet.types() == ["step.started", "step.completed"]
    assert fleet.sample("claims_lost_total") == 0


async def test_an_adapter_that_repeats_by_itself_may_report_our_own_write_as_conflict(fleet, calls):
    async def write_then_conflict(key, value, revision):
        await fleet.runs._records.write(key, value, revision)
        raise Conflict("as seen by the second try")

    records = Flaky(fleet.backend.runs, write=[write_then_conflict, write_then_conflict])
    fleet.rewire(runs=records)
    await fleet.worker()

    await fleet.run("count")

    assert calls == [("s", 1)]
    assert (await fleet.record()).outcome is Outcome.COMPLETED
    assert await fleet.types() == ["step.started", "step.completed"]


async def test_without_the_store_the_message_is_put_back(fleet, calls, logs):
    records = Flaky(fleet.backend.runs, write=["before"] * 30)
    fleet.rewire(runs=records)
    await fleet.worker()

    await fleet.run("count")
    await fleet.clock.advance(200.0)

    assert calls == [("s", 1)]
    assert (await fleet.record()).outcome is Outcome.COMPLETED
    assert logs.having("warning", subject=ANY, error="no answer")
    assert logs.tracebacks == []  # where that is says nothing new


async def test_what_cannot_even_be_put_back_comes_back_by_itself(fleet, calls, logs, monkeypatch):
    refusal = Unavailable("it cannot be put back")

    async def refuse(*_):
        raise refusal

    records = Flaky(fleet.backend.runs, write=["before"] * 20)
    fleet.rewire(runs=records)
    monkeypatch.setattr(MessageDelivery, "nak", refuse)
    await fleet.worker()

    await fleet.run("count")
    await fleet.clock.advance(100.0)

    assert calls == [("s", 1)]
    assert logs.having("warning", subject=ANY, error=repr(refusal))


async def test_a_claim_that_ran_out_before_its_handler_began_is_not_used(fleet, calls):
    # Given a process that stands still while it loads the input
    async def stand_still(*_):
        fleet.clock.jump(31.0)

    base = await PayloadStore(fleet.backend.payloads, fleet.settings).store("r1", "x", b"{}")
    fleet.rewire(payloads=Flaky(fleet.backend.payloads, read=[stand_still]))
    await fleet.worker()

    await fleet.run("count", input=StepInput(base))
    assert calls == []
    assert fleet.sample("claims_lost_total") == 1
    await fleet.clock.advance(35.0)

    assert calls == [("s", 1)]
    assert (await fleet.record()).lost == 1


async def test_a_result_that_cannot_be_written_is_run_again_after_the_lease(fleet, calls):
    records = Flaky(fleet.backend.runs, write=["ok"] + ["before"] * 40)
    fleet.rewire(runs=records)
    await fleet.worker()

    await fleet.run("count")
    await fleet.clock.advance(300.0)

    assert calls == [("s", 1), ("s", 1)]
    record = await fleet.record()
    assert (record.outcome, record.lost) == (Outcome.COMPLETED, 1)


async def test_events_are_repeated_until_they_are_stored(fleet, calls):
    events = Flaky(fleet.backend.events, publish=["before", "after", "before", "after"])
    fleet.rewire(events=events)
    await fleet.worker()

    await fleet.run("count")
    await fleet.clock.advance(10.0)

    assert await fleet.types() == ["step.started", "step.completed"]


async def test_news_that_cannot_be_told_is_told_after_redelivery(fleet, calls):
    events = Flaky(fleet.backend.events, publish=["before"] * 60)
    fleet.rewire(events=events)
    await fleet.worker()

    await fleet.run("count")
    await fleet.clock.advance(400.0)

    assert calls == [("s", 1)]
    assert await fleet.types() == ["step.started", "step.completed"]


async def test_the_start_is_stored_before_the_end_is_told(fleet, calls):
    gate = asyncio.Event()

    async def wait(*args):
        await gate.wait()

    events = Flaky(fleet.backend.events, publish=[wait])
    fleet.rewire(events=events)
    await fleet.worker()

    await fleet.run("count")
    assert calls == [("s", 1)]
    assert (await fleet.record()).outcome is Outcome.COMPLETED
    assert await fleet.types() == []

    gate.set()
    await settle()
    assert await fleet.types() == ["step.started", "step.completed"]


@pytest.mark.parametrize(("first", "published"), [("ok", 2), (RuntimeError("odd"), 3)])
async def test_the_start_is_told_again_only_if_that_failed(fleet, calls, first, published):
    events = Flaky(fleet.backend.events, publish=[first])
    fleet.rewire(events=events)
    await fleet.worker()

    await fleet.run("count")

    assert [name for name, _ in events.calls] == ["publish"] * published
    assert await fleet.types() == ["step.started", "step.completed"]


async def test_what_a_handler_emits_comes_after_the_start(fleet):
    gate = asyncio.Event()

    async def wait(*args):
        await gate.wait()

    @fleet.app.step("emit")
    async def emit(ctx):
        await ctx.emit("order.paid")

    fleet.rewire(events=Flaky(fleet.backend.events, publish=[wait]))
    await fleet.worker()
    await fleet.run("emit")
    assert await fleet.types() == []

    gate.set()
    await settle()
    assert await fleet.types() == ["step.started", "order.paid", "step.completed"]


async def test_races_that_never_end_put_the_message_back(fleet, calls):
    records = Flaky(fleet.backend.runs, write=[Conflict("lost")] * 5)
    fleet.rewire(runs=records)
    await fleet.worker()

    await fleet.run("count")
    assert calls == []
    await fleet.clock.advance(5.0)

    assert calls == [("s", 1)]


async def test_a_record_that_cannot_be_read_does_not_stop_the_worker(fleet, calls):
    await fleet.backend.runs.put("step.default.r1.s", b"{broken")
    await fleet.worker()

    await fleet.run("count", number=2, revision=99)
    await fleet.run("count", run="r2")

    assert calls == [("s", 1)]
    await fleet.backend.runs.purge("step.default.r1.s")
    await fleet.clock.advance(60.0)  # it comes again, and finds nothing to do


async def queued(fleet, message):
    address = StepAddress(message.queue, message.priority, message.run, message.step)
    return len(await fleet.backend.steps.queued(address))


async def test_a_message_that_knows_more_than_the_records_waits_for_them(fleet, calls):
    await fleet.worker()

    message = await fleet.run("count", number=2, revision=await fleet.backend.runs.put("a", b""))
    await fleet.clock.advance(10.0)
    assert (calls, await queued(fleet, message)) == ([], 1)
    failed = replace(running(fleet.clock), outcome=Outcome.FAILED, lease_until=0.0)
    revision = await fleet.write(failed)
    await fleet.send(replace(message, revision=revision), again="!")
    await fleet.clock.advance(90.0)

    assert calls == [("s", 2)]
    assert await queued(fleet, message) == 0


async def test_it_is_offered_again_soon(fleet, calls):
    ahead = await fleet.backend.runs.put("a", b"") + 2  # behind the run's record
    await fleet.worker()
    await fleet.run("count", number=2, revision=ahead)
    assert calls == []

    failed = replace(running(fleet.clock), outcome=Outcome.FAILED, lease_until=0.0)
    assert await fleet.write(failed) == ahead
    await fleet.clock.advance(4.0)

    assert calls == [("s", 2)]


async def test_a_later_attempt_that_outlived_its_run_is_dropped(fleet, calls):
    await fleet.worker()

    message = await fleet.run("count", number=2, revision=99)
    await fleet.clock.advance(90.0)

    assert (calls, await queued(fleet, message)) == ([], 0)


@pytest.mark.parametrize("seen", [True, False])
async def test_a_run_that_is_not_found_may_only_be_unseen(fleet, calls, seen):
    # Given a message that comes again, of a run that the records do not show
    message = fleet.message("count")
    await fleet.send(message)
    deliveries: list[Delivery] = []
    other = await fleet.backend.steps.consume("default", Priority.NORMAL, deliveries.append)
    other.grant(1)
    await settle()
    await deliveries[0].nak()
    await other.stop()
    body, _ = await fleet.backend.runs.read("run.r1")
    await fleet.backend.runs.purge("run.r1")

    await fleet.worker()
    await fleet.clock.advance(20.0)
    assert (calls, await queued(fleet, message)) == ([], 1)
    if seen:
        await fleet.backend.runs.put("run.r1", body)
    await fleet.clock.advance(90.0)

    assert (calls, await queued(fleet, message)) == ([("s", 1)] if seen else [], 0)


async def test_a_steps_queue_is_in_its_key(settings):
    fleet = Fleet(settings)

    @fleet.app.step("x")
    async def x(ctx):
        return 1

    await fleet.worker(queues=("gpu",))
    await fleet.run("x", queue="gpu")

    assert (await fleet.record(queue="gpu")).outcome is Outcome.COMPLETED
    await fleet.close()
