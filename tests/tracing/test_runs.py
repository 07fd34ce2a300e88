"""The spans of a run, its attempts and its events, in an application that traces."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from flowworker import RunFailed
from flowworker.codec.trace import new_trace
from flowworker.core.model import Step, Workflow
from flowworker.telemetry.conventions import Attribute
from tests.support.waiting import eventually
from tests.tracing.spans import id_of, links_of, parent_of, said_of, trace_of


class Hotel(Exception):
    pass


@pytest.fixture
def handlers(runner):
    """All goes well but for the payment, at first."""

    async def book(ctx):
        ctx.trace.set_attribute("shop.seat", "12A")
        with trace.get_tracer("shop").start_as_current_span(f"look for {ctx.step_id}"):
            await ctx.emit(f"{ctx.step_id}.booked", {})

    def pay(ctx):
        if ctx.attempt == 1:
            raise Hotel("no vacancy")
        with trace.get_tracer("shop").start_as_current_span("in a thread"):
            return {"paid": True}

    async def unused(ctx):
        raise AssertionError

    for name, handler in {"book": book, "pay": pay, "cash": unused, "undo": unused}.items():
        runner.register_handler(name, handler)
    return runner


@pytest.fixture
async def completed(handlers, spans):
    await handlers.execute_sync("r1", "trip", {})
    await eventually(lambda: spans.named("run trip"))
    return spans


async def record_of(runner, run="r1"):
    found = await (await runner.running()).stores.runs.load(run)
    assert found is not None
    return found[0]


async def test_a_run_and_its_attempts_are_one_trace(completed, runner):
    run = completed.one("run trip")
    record = await record_of(runner)

    assert trace_of(run) == int(new_trace("flowworker", "r1", record.origin).trace_id, 16)
    assert {trace_of(span) for span in completed.ended} == {trace_of(run)}
    assert run.kind is SpanKind.SERVER
    assert parent_of(run) is None
    assert run.start_time == int(record.created_at * 1e9)
    assert run.end_time == int(record.finished_at * 1e9)
    assert said_of(run) == {
        "flowworker.workflow.name": "trip",
        "flowworker.workflow.version": "v1",
        "flowworker.run.id": "r1",
        "flowworker.run.result": "success",
    }
    attempts = [span for span in completed.ended if span.kind is SpanKind.CONSUMER]
    assert sorted(span.name for span in attempts) == [
        "run flight",
        "run hotel",
        "run pay",
        "run pay",
    ]
    assert {parent_of(span) for span in attempts} == {id_of(run)}


async def test_an_attempt_says_what_it_is(completed, runner):
    said = said_of(completed.one("run flight"))

    worker = (await runner.running()).worker.id
    assert said == {
        "messaging.system": "nats",
        "messaging.operation.type": "process",
        "messaging.operation.name": "run",
        "messaging.destination.name": "default",
        "messaging.message.id": "r1/flight/run/1.1",
        "messaging.client.id": worker,
        "flowworker.workflow.name": "trip",
        "flowworker.workflow.version": "v1",
        "flowworker.run.id": "r1",
        "flowworker.step.id": "flight",
        "flowworker.step.handler": "book",
        "flowworker.attempt.turn": 1,
        "flowworker.attempt.number": 1,
        "flowworker.attempt.result": "success",
        "shop.seat": "12A",
    }


async def test_a_join_is_linked_to_its_dependencies_and_a_retry_to_the_attempt_before(completed):
    first, second = completed.named("run pay")

    booked = {id_of(completed.one(f"run {step}")) for step in ("flight", "hotel")}
    assert links_of(first, "dependency") == booked
    assert links_of(second, "retry") == {id_of(first)}
    assert links_of(second, "dependency") == set()


async def test_a_failed_attempt_says_why(completed):
    first, second = completed.named("run pay")

    assert first.status.status_code is StatusCode.ERROR
    assert first.status.description == "Hotel: no vacancy"
    assert said_of(first)["error.type"] == "Hotel"
    assert said_of(first)["flowworker.attempt.result"] == "failure"
    assert [event.name for event in first.events] == ["exception"]
    assert second.status.status_code is StatusCode.UNSET


async def test_the_span_is_current_in_the_handler_and_in_its_thread(completed):
    inner = completed.one("look for flight")
    threaded = completed.one("in a thread")

    assert parent_of(inner) == id_of(completed.one("run flight"))
    assert parent_of(threaded) == id_of(completed.named("run pay")[1])


async def test_an_emitted_event_has_a_span_and_carries_it(handlers, spans):
    events = await handlers.get_event_bus().subscribe("flight", "booked")
    await handlers.execute_sync("r1", "trip", {})
    event = await asyncio.wait_for(anext(aiter(events)), 10)

    span = spans.one("emit flight.booked")
    assert span.kind is SpanKind.PRODUCER
    assert parent_of(span) == id_of(spans.one("look for flight"))
    assert said_of(span) == {
        "messaging.system": "nats",
        "messaging.operation.type": "send",
        "messaging.operation.name": "emit",
        "messaging.destination.name": "flight.booked",
        "messaging.message.id": "r1/emit/flight.booked",
    }
    assert event.trace_id == f"00-{trace_of(span):032x}-{id_of(span):016x}-01"


async def test_a_run_that_fails_is_undone_in_its_trace(runner, spans):
    async def fine(ctx):
        return None

    async def fail(ctx):
        raise ValueError("no money")

    for name, handler in {"book": fine, "pay": fail, "cash": fail, "undo": fine}.items():
        runner.register_handler(name, handler)
    with pytest.raises(RunFailed):
        await runner.execute_sync("r1", "trip", {})
    await eventually(lambda: spans.named("run trip"))

    run = spans.one("run trip")
    undone = [spans.one(f"compensate {step}") for step in ("flight", "hotel")]
    fallback = spans.one("fallback pay")
    assert {parent_of(span) for span in (*undone, fallback)} == {id_of(run)}
    assert links_of(fallback, "dependency") == {
        id_of(spans.one(f"run {step}")) for step in ("flight", "hotel")
    }
    assert run.status.status_code is StatusCode.ERROR
    assert said_of(run)["flowworker.run.result"] == "failure"
    assert said_of(run)["error.type"] == "failed"


async def test_every_attribute_is_one_that_is_documented(completed):
    used = {key for span in completed.ended for key in said_of(span)}
    used |= {
        key for span in completed.ended for link in span.links for key in link.attributes or {}
    }

    assert used - {each.value for each in Attribute} == {"shop.seat"}


async def test_without_a_provider_of_the_sdk_nothing_is_traced(monkeypatch, runner, spans):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider())
    seen = []

    async def look(ctx):
        seen.append(ctx.trace.is_recording())
        ctx.trace.set_attribute("a", 1)
        ctx.trace.add_event("b", {"c": 2})
        ctx.trace.record_exception(ValueError())

    for name in ("book", "pay", "cash", "undo"):
        runner.register_handler(name, look)
    await runner.execute_sync("r1", "trip", {})

    assert seen == [False, False, False]
    assert spans.ended == ()


async def test_a_run_that_is_a_step_is_below_it(runner, spans):
    runner.register_handler("look", lambda ctx: None)
    inner = Step("call", steps=(Step("one", "look"),))

    await runner.execute_sync_workflow("r1", Workflow("outer", (inner,)), {})

    await eventually(lambda: spans.named("run outer") and spans.named("run outer.call"))
    child, step = spans.one("run outer.call"), spans.one("run call")
    assert parent_of(child) == id_of(step)
    assert parent_of(step) == id_of(spans.one("run outer"))
    assert parent_of(spans.one("run one")) == id_of(child)
    assert said_of(step)[Attribute.HANDLER] == "outer.call"
    assert {trace_of(each) for each in (child, step)} == {trace_of(spans.one("run outer"))}
