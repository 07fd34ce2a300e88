"""The order of a step's effects, and what is done again when one of them fails."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.codec.messages import StepInput
from flowworker.core.ids import COORDINATOR
from flowworker.core.status import Outcome
from flowworker.errors import Conflict, Unavailable
from flowworker.memory.queue import MessageDelivery
from flowworker.stores.payloads import PayloadStore
from flowworker.testing.clock import settle
from tests.support.faults import Flaky
from tests.support.logs import ANY


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

    base = await PayloadStore(fleet.backend.payloads, fleet.settings).store(
        "r1", COORDINATOR, "x", b"{}"
    )
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


async def test_events_that_cannot_be_published_are_published_after_redelivery(fleet, calls):
    events = Flaky(fleet.backend.events, publish=["before"] * 60)
    fleet.rewire(events=events)
    await fleet.worker()

    await fleet.run("count")
    await fleet.clock.advance(400.0)

    assert calls == [("s", 1)]
    assert await fleet.types() == ["step.started", "step.completed"]


async def test_the_start_is_stored_before_the_end_is_reported(fleet, calls):
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
async def test_the_start_is_published_again_only_if_that_failed(fleet, calls, first, published):
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
