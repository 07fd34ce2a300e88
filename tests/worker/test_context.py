"""What a handler sees and may do."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from dataclasses import dataclass

import msgspec
import pytest
import structlog

from flowworker.codec.keys import emit_key
from flowworker.core.status import Kind, Outcome
from flowworker.errors import (
    Conflict,
    ConversionError,
    FlowworkerError,
    InvalidInput,
    LockTimeoutError,
    PayloadTooLarge,
)
from flowworker.handlers.context import current_context
from flowworker.stores.locks import Lock, lock_key
from flowworker.telemetry.log import configure_logging
from flowworker.testing.clock import settle
from tests.support.faults import Flaky
from tests.support.waiting import eventually
from tests.worker.fleet import Fleet


async def inside(fleet, body, **fields):
    """What `body` returned or raised, run as a handler."""
    results = []

    async def handler(ctx):
        try:
            results.append(await body(ctx))
        except Exception as error:
            results.append(error)
            raise

    name = f"handler{len(fleet.app.handlers)}"
    fleet.app.step(name)(handler)
    if not fleet.workers:
        await fleet.worker()
    await fleet.run(name, **fields)
    await eventually(lambda: results)  # it may use threads
    await settle()
    return results[0]


async def inside_thread(fleet, body, **fields):
    results = []

    def handler(ctx):
        try:
            results.append(body(ctx))
        except FlowworkerError as error:
            results.append(error)

    fleet.app.step("plain")(handler)
    await fleet.worker()
    await fleet.run("plain", **fields)
    await fleet.ended(fields.get("run", "r1"))
    return results[0]


async def test_a_context_says_who_it_is(fleet):
    fleet.app.runtime = object()

    async def body(ctx):
        return ctx

    ctx = await inside(fleet, body, kind=Kind.FALLBACK, turn=2, number=3, revision=0)

    assert (ctx.run_id, ctx.workflow_id, ctx.workflow) == ("r1", "r1", "order.fulfil")
    assert (ctx.step_id, ctx.kind, ctx.attempt) == ("s", Kind.FALLBACK, 3)
    assert ctx.idempotency_key == "r1/s/fallback"
    assert ctx.deadline is None
    assert ctx.cancelled is False
    assert ctx.runtime is fleet.app.runtime


@pytest.mark.parametrize(
    ("timeout", "deadline", "expected"),
    [(0.0, 0.0, None), (30.0, 0.0, 30.0), (0.0, 20.0, 20.0), (30.0, 20.0, 20.0), (5.0, 20.0, 5.0)],
)
async def test_the_deadline_is_the_earlier_of_step_and_workflow(fleet, timeout, deadline, expected):
    now = fleet.clock.now()

    async def body(ctx):
        return ctx.deadline

    found = await inside(fleet, body, timeout=timeout, deadline=now + deadline if deadline else 0.0)

    assert found == (None if expected is None else now + expected)


async def test_the_current_context_is_known_at_any_depth(fleet):
    async def deep():
        return current_context()

    async def body(ctx):
        return current_context() is ctx and await asyncio.create_task(deep()) is ctx

    assert await inside(fleet, body) is True


async def test_the_current_context_is_known_in_a_thread(fleet):
    async def there():
        return current_context()

    def body(ctx):
        return current_context() is ctx and ctx.run(there()) is ctx

    assert await inside_thread(fleet, body) is True


def test_there_is_no_context_outside_of_a_handler():
    with pytest.raises(InvalidInput, match="call it inside a handler"):
        current_context()


async def test_the_log_names_the_attempt(fleet, logs):
    async def body(ctx):
        ctx.log.warning("look", n=1)
        ctx.log.warning("again")

    await inside(fleet, body)

    names = {"run": "r1", "step": "s", "kind": "run", "attempt": 1}
    assert logs.at("warning") == [
        {"event": "look", "log_level": "warning", **names, "n": 1},
        {"event": "again", "log_level": "warning", **names},
    ]


async def test_what_users_log_names_the_attempt(fleet, capsys):
    configure_logging(json=True)

    async def body(ctx):
        logging.getLogger("shop").warning("from a coroutine")
        await asyncio.to_thread(logging.getLogger("shop").warning, "from its thread")

    await inside(fleet, body)
    await inside_thread(
        fleet, lambda ctx: logging.getLogger("shop").warning("from a function"), run="r2"
    )

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    shown = [(line["event"], line["run"], line["step"], line["attempt"]) for line in lines]
    assert shown == [
        ("from a coroutine", "r1", "s", 1),
        ("from its thread", "r1", "s", 1),
        ("from a function", "r2", "s", 1),
    ]


async def test_the_log_is_that_of_an_application_that_configured_structlog(settings):
    structlog.configure()
    try:
        fleet = Fleet(settings)
        with structlog.testing.capture_logs() as lines:

            async def body(ctx):
                ctx.log.info("look")

            await inside(fleet, body)
            await fleet.close()
    finally:
        structlog.reset_defaults()

    (line,) = [line for line in lines if line["event"] == "look"]
    assert line["run"] == "r1"


class Told(list):
    """What subscribers of a subject got."""

    @classmethod
    async def on(cls, fleet, subject):
        told = cls()
        await fleet.backend.notifier.subscribe(
            subject, lambda _, data: told.append(msgspec.json.decode(data))
        )
        return told


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
async def test_what_is_emitted_is_stored_and_told(fleet, payload, data):
    told = await Told.on(fleet, "order.paid")

    async def body(ctx):
        await ctx.emit("order.paid", payload)

    await inside(fleet, body)

    event = (await fleet.history())[1]
    assert event["id"] == "r1/emit/order.paid"
    assert event["type"] == "order.paid"
    assert event["source"] == "/flowworker/order.fulfil/r1"
    assert event["specversion"] == "1.0"
    assert event["data"] == data
    assert told == [event]


async def test_emitting_is_once_per_run_type_and_key(fleet):
    told = await Told.on(fleet, "order.*")

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

    assert [event["data"]["n"] for event in told] == [1, 3, 4, 6] * 2
    assert all("\n" not in event["id"] for event in told)
    assert len({event["id"] for event in told}) == 8
    keys = await fleet.backend.runs.keys("emit.r1.>")
    assert len(keys) == 4
    assert emit_key("r1", "order.paid") in keys


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
    told = await Told.on(fleet, "order.paid")
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
    assert len(told) == 1
    assert (await fleet.record()).outcome is Outcome.COMPLETED


async def test_two_that_emit_at_once_are_both_right(fleet):
    records = Flaky(fleet.backend.runs, write=["ok", Conflict("the other one")])
    fleet.rewire(runs=records)

    async def body(ctx):
        await ctx.emit("order.paid")

    assert await inside(fleet, body) is None


async def test_another_namespace_is_told_under_its_name(settings):
    fleet = Fleet(settings, namespace="shop")
    told = await Told.on(fleet, "shop.order.paid")

    async def body(ctx):
        await ctx.emit("order.paid")

    await inside(fleet, body)

    assert len(told) == 1
    await fleet.close()


BAD_TYPES = ["", "a b", "a..b", "a.*", ">", 7, "workflow", "workflow.completed", "_INBOX.x"]


@pytest.mark.parametrize(
    ("namespace", "event_type"),
    [
        *(("flowworker", name) for name in [*BAD_TYPES, "flowworker.start.x", "flowworker"]),
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


def lock_of(fleet, holder="r2", ttl=10.0, timeout=0.0, leases=None):
    leases = leases or fleet.backend.leases
    return Lock(leases, fleet.clock, "card:7", holder, ttl, timeout)


async def test_a_lock_keeps_other_runs_out(fleet):
    async def body(ctx):
        async with ctx.lock("card:7", ttl=10, timeout=5) as lock:
            assert lock.token > 0
            with pytest.raises(LockTimeoutError, match="'card:7': not free within 0 s"):
                await lock_of(fleet).acquire()
        async with lock_of(fleet) as other:
            return other.token > lock.token

    assert await inside(fleet, body) is True


async def test_a_lock_is_waited_for(fleet):
    first = lock_of(fleet, "r1")
    await first.acquire()
    second = lock_of(fleet, "r2", timeout=5.0)
    waiting = asyncio.create_task(second.acquire())
    await fleet.clock.advance(2.0)
    assert not waiting.done()

    await first.release()
    await fleet.clock.advance(0.5)

    assert waiting.done()
    await second.release()


async def test_a_lock_that_does_not_come_free_is_given_up(fleet):
    async with lock_of(fleet, "r1"):
        waiting = asyncio.create_task(lock_of(fleet, "r2", timeout=5.0).acquire())
        await fleet.clock.advance(6.0)
        with pytest.raises(LockTimeoutError):
            await waiting


async def test_a_lock_is_renewed_while_it_is_held(fleet):
    async with lock_of(fleet, "r1", ttl=2.0) as lock:
        await fleet.clock.advance(60.0)
        assert not lock.lost
        with pytest.raises(LockTimeoutError):
            await lock_of(fleet, "r2").acquire()
    async with lock_of(fleet, "r2"):
        pass


async def test_a_lock_whose_lease_was_lost_says_so_and_takes_nothing_away(fleet):
    leases = Flaky(fleet.backend.leases, renew=["before"] * 9)
    async with lock_of(fleet, "r1", ttl=2.0, leases=leases) as lock:
        await fleet.clock.advance(2.5)
        async with lock_of(fleet, "r2", ttl=60.0):
            await fleet.clock.advance(1.0)
            assert lock.lost
            await lock.release()
            await lock.release()
            with pytest.raises(LockTimeoutError):
                await lock_of(fleet, "r3").acquire()


async def test_a_lock_that_is_not_renewed_in_time_is_lost_though_nobody_says_so(fleet):
    leases = Flaky(fleet.backend.leases, renew=["before"] * 99)
    async with lock_of(fleet, "r1", ttl=2.0, leases=leases) as lock:
        await fleet.clock.advance(1.9)
        assert not lock.lost
        await fleet.clock.advance(0.2)
        assert lock.lost


async def test_a_lock_that_cannot_be_given_back_does_not_fail_what_was_done_under_it(fleet):
    leases = Flaky(fleet.backend.leases, release=["before"])
    async with lock_of(fleet, "r1", ttl=2.0, leases=leases):
        pass

    await fleet.clock.advance(2.5)
    async with lock_of(fleet, "r2"):
        pass


async def test_a_thread_takes_a_lock_through_run(fleet):
    held = threading.Event()

    def body(ctx):
        lock = ctx.run(ctx.lock("card:7", ttl=10, timeout=1).acquire())
        held.set()
        ctx.run(lock.release())
        return lock.token

    assert await inside_thread(fleet, body) > 0
    assert held.is_set()
    async with lock_of(fleet):
        pass


def test_any_text_is_a_locks_name():
    assert lock_key("card.7") == "lock.card.7"
    for name in ("card:7", "", "a b", "x" * 500, "ü", "a..b", ">"):
        key = lock_key(name)
        assert key.startswith("lock.")
        assert len(key) == len("lock.") + 64


async def test_a_heartbeat_notes_progress_and_stops_the_cancelled(fleet):
    async def body(ctx):
        ctx.heartbeat()
        noted = ctx.progress
        ctx.cancelled = True
        with pytest.raises(asyncio.CancelledError):
            ctx.heartbeat()
        return noted

    assert await inside(fleet, body) == fleet.clock.monotonic()
    await settle()


@pytest.mark.parametrize(("owner", "shared"), [("run", True), ("step", False)])
async def test_a_lock_is_of_the_run_or_of_the_step(fleet, owner, shared):
    entered = []

    async def hold(ctx):
        try:
            async with ctx.lock("sku", ttl=30, timeout=0, owner=owner):
                entered.append(ctx.step_id)
                await asyncio.Event().wait()
        except LockTimeoutError:
            return

    fleet.app.step("hold")(hold)
    await fleet.worker()
    await fleet.run("hold", step="a")
    await fleet.run("hold", step="b")
    await fleet.run("hold", step="a", run="r2")

    assert entered == (["a", "b"] if shared else ["a"])


async def test_a_lock_of_nobody_is_refused(fleet):
    async def body(ctx):
        ctx.lock("sku", ttl=30, timeout=0, owner="world")

    error = await inside(fleet, body)

    assert "expected owner 'run' or 'step', found 'world'" in str(error)
