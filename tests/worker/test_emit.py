"""Events that handlers publish."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest

from flowworker.codec.keys import emit_key
from flowworker.core.status import Outcome
from flowworker.errors import (
    Conflict,
    ConversionError,
    InvalidInput,
    PayloadTooLarge,
)
from tests.support.faults import Flaky
from tests.worker.fleet import Fleet
from tests.worker.inside import inside, inside_thread


class Published(list):
    """What subscribers of a subject got."""

    @classmethod
    async def on(cls, fleet, subject):
        published = cls()
        await fleet.backend.notifier.subscribe(
            subject, lambda _, data: published.append(msgspec.json.decode(data))
        )
        return published


@dataclass
class Paid:
    order_id: int


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        ({"order_id": 7}, {"order_id": 7, "_workflow_id": "r1"}),
        (Paid(7), {"order_id": 7, "_workflow_id": "r1"}),
        (None, {"_workflow_id": "r1"}),
        ([1, 2], [1, 2]),
        ("text", "text"),
    ],
)
async def test_what_is_emitted_is_stored_and_published(fleet, payload, data):
    published = await Published.on(fleet, "order.paid")

    async def body(ctx):
        await ctx.emit("order.paid", payload)

    await inside(fleet, body)

    event = (await fleet.history())[1]
    assert event["id"] == "r1/emit/order.paid"
    assert event["type"] == "order.paid"
    assert event["source"] == "/flowworker/order.fulfil/r1"
    assert event["specversion"] == "1.0"
    assert event["data"] == data
    assert published == [event]


async def test_emitting_is_once_per_run_type_and_key(fleet):
    published = await Published.on(fleet, "order.*")

    async def body(ctx):
        await ctx.emit("order.paid", {"n": 1})
        await ctx.emit("order.paid", {"n": 2})
        await ctx.emit("order.paid", {"n": 3}, key="card\r\n1")
        await ctx.emit("order.paid", {"n": 4}, key="card 2")
        await ctx.emit("order.paid", {"n": 5}, key="card 2")
        await ctx.emit("order.sent", {"n": 6})

    await inside(fleet, body)
    await fleet.clock.advance(3600.0)  # the history has forgotten the ids by now
    await inside(fleet, body, number=2, step="again", revision=0)
    await inside(fleet, body, run="r2")

    assert [event["data"]["n"] for event in published] == [1, 3, 4, 6] * 2
    assert all("\n" not in event["id"] for event in published)
    assert len({event["id"] for event in published}) == 8
    keys = await fleet.backend.runs.keys("emit.*.r1.>")
    assert len(keys) == 4
    assert emit_key("default", "r1", "order.paid") in keys


async def test_an_emit_that_broke_off_is_repeated_and_stored_once(fleet):
    records = Flaky(fleet.backend.runs, write=["ok", RuntimeError("broke off")])
    fleet.rewire(runs=records)

    async def body(ctx):
        await ctx.emit("order.paid")

    assert isinstance(await inside(fleet, body), RuntimeError)
    await inside(fleet, body, step="again")

    types = await fleet.types()
    assert types.count("order.paid") == 1


async def test_a_handler_that_is_done_emits_no_more(fleet):
    async def body(ctx):
        return ctx

    ctx = await inside(fleet, body)

    with pytest.raises(InvalidInput, match="the handler of 's' has ended"):
        await ctx.emit("order.paid")


async def test_an_emit_rides_over_a_short_outage(fleet):
    published = await Published.on(fleet, "order.paid")
    fleet.rewire(
        runs=Flaky(fleet.backend.runs, read=["before"], write=["ok", "after"]),
        events=Flaky(fleet.backend.events, publish=["ok", "before", "after"]),
        notifier=Flaky(fleet.backend.notifier, publish=["before"]),
    )

    async def body(ctx):
        await ctx.emit("order.paid")

    fleet.app.step("emit")(body)
    await fleet.worker()
    await fleet.run("emit")
    await fleet.clock.advance(2.0)

    assert (await fleet.types()).count("order.paid") == 1
    assert len(published) == 1
    assert (await fleet.record()).outcome is Outcome.COMPLETED


async def test_two_that_emit_at_once_are_both_right(fleet):
    records = Flaky(fleet.backend.runs, write=["ok", Conflict("the other one")])
    fleet.rewire(runs=records)

    async def body(ctx):
        await ctx.emit("order.paid")

    assert await inside(fleet, body) is None


async def test_another_namespace_is_published_under_its_name(settings):
    fleet = Fleet(settings, namespace="shop")
    published = await Published.on(fleet, "shop.order.paid")

    async def body(ctx):
        await ctx.emit("order.paid")

    await inside(fleet, body)

    assert len(published) == 1
    await fleet.close()


BAD_TYPES = ["", "a b", "a..b", "a.*", ">", 7, "workflow", "workflow.completed", "_INBOX.x"]


@pytest.mark.parametrize(
    ("namespace", "event_type"),
    [
        *(("flowworker", name) for name in [*BAD_TYPES, "flowworker.start.x", "flowworker"]),
        *(("flowworker", f"shop.{word}.x") for word in ("start", "control", "event", "workflow")),
        *(("shop", name) for name in [*BAD_TYPES, "shop.start.x", "start.x", "control.cancel.r"]),
        *(("shop", f"{word}.x") for word in ("event", "step", "timer", "signal", "cancel")),
    ],
)
async def test_types_that_belong_to_the_engine_cannot_be_forged(settings, namespace, event_type):
    fleet = Fleet(settings, namespace=namespace)

    async def body(ctx):
        await ctx.emit(event_type)

    error = await inside(fleet, body)

    assert isinstance(error, InvalidInput)
    assert (await fleet.record()).outcome is Outcome.FAILED
    await fleet.close()


async def test_in_the_default_namespace_more_words_are_free(fleet):
    async def body(ctx):
        await ctx.emit("event.registered")

    assert await inside(fleet, body) is None


async def test_a_payload_that_is_not_json_is_refused(fleet):
    async def body(ctx):
        await ctx.emit("order.paid", object())

    assert isinstance(await inside(fleet, body), ConversionError)


async def test_a_payload_with_a_number_that_json_has_not_is_refused(fleet):
    error = await refused(fleet, "order.paid", {"rate": float("inf")})
    assert "rate: JSON has no inf" in error


async def test_a_type_that_fits_no_subject_is_refused(fleet):
    assert "at most 128 characters" in await refused(fleet, "t" * 5000, {})


async def refused(fleet, event_type, payload):
    """Why an emit is refused."""
    said = []

    @fleet.app.step("emit")
    async def emit(ctx):
        with pytest.raises(InvalidInput) as caught:
            await ctx.emit(event_type, payload)
        said.append(str(caught.value))

    await fleet.worker()
    await fleet.run("emit")
    [error] = said
    return error


async def test_the_log_takes_whatever_it_is_given(fleet, logs):
    class Odd:
        def __repr__(self):
            raise RuntimeError

    @fleet.app.step("log")
    async def log(ctx):
        ctx.log.info("100% done", 5)
        ctx.log.info("%d apples", "x")
        ctx.log.error(ValueError("x"))
        ctx.log.warning("odd", event=1, method_name=2)
        ctx.log.info("%s", Odd())
        ctx.log.info("value", odd=Odd())
        return "done"

    await fleet.worker()
    await fleet.run("log")

    assert await fleet.output() == "done"
    assert logs.having("info", event="%d apples ('x',)")
    assert logs.having("warning", event="odd", values="{'event': 1, 'method_name': 2}")


async def test_a_payload_that_fits_no_message_is_refused(fleet):
    async def body(ctx):
        await ctx.emit("order.paid", "x" * 1_100_000)

    error = await inside(fleet, body)

    assert isinstance(error, PayloadTooLarge)
    assert "emit a reference" in str(error)


async def test_a_thread_emits_through_run(fleet):
    def body(ctx):
        return ctx.run(ctx.emit("order.paid"))

    assert await inside_thread(fleet, body) is None
    assert "order.paid" in await fleet.types()


async def test_run_on_the_loop_would_wait_for_itself(fleet):
    async def body(ctx):
        ctx.run(ctx.emit("order.paid"))

    error = await inside(fleet, body)

    assert isinstance(error, InvalidInput)
    assert "await it instead" in str(error)


async def test_what_is_emitted_carries_the_trace_of_its_run(fleet):
    trace = {"traceparent": f"00-{32 * 'a'}-{16 * 'b'}-01", "tracestate": "vendor=x"}
    published = await Published.on(fleet, "order.paid")

    async def body(ctx):
        await ctx.emit("order.paid")

    await inside(fleet, body, trace=trace["traceparent"], trace_state=trace["tracestate"])

    assert published[0].items() >= trace.items()
    assert (await fleet.history())[1] == published[0]
