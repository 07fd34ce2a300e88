"""How handlers end: results, failures, time limits, cancellation; on the loop and in threads."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from contextlib import suppress

import msgspec
import pytest
from msgspec.structs import replace

from flowworker.codec.json import encode
from flowworker.codec.messages import Earlier, StepInput
from flowworker.core.payload import Stored, inline
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Kind, Outcome
from flowworker.errors import (
    ConversionError,
    InvalidInput,
    NonRetryableError,
    PayloadTooLarge,
    RetryAfter,
)
from flowworker.handlers.app import App
from flowworker.settings import Settings
from flowworker.stores.payloads import PayloadStore
from flowworker.testing.clock import settle
from flowworker.worker import attempt
from flowworker.worker.failures import error_info
from tests.support.faults import Flaky
from tests.support.logs import ANY
from tests.support.waiting import eventually
from tests.worker.fleet import Fleet, running


async def cancel(fleet, run="r1", step="s"):
    body = msgspec.json.encode({"step": step})
    await fleet.backend.notifier.publish(f"{fleet.backend.namespace}.cancel.{run}", body)
    await settle()


class CardDeclined(Exception):
    pass


class Unprintable(Exception):
    def __str__(self):
        raise SystemExit


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (CardDeclined("no\n  money"), ErrorInfo("CardDeclined", "no money")),
        (ValueError(), ErrorInfo("ValueError", "")),
        (NonRetryableError("stop"), ErrorInfo("NonRetryableError", "stop", False)),
        (
            RetryAfter(2),
            ErrorInfo("RetryAfter", "try again after 2 s", retry_after=2.0),
        ),
        (ConversionError("bad"), ErrorInfo("ConversionError", "bad", False)),
        (ExceptionGroup("g", [CardDeclined("x")]), ErrorInfo("CardDeclined", "x")),
        (
            ExceptionGroup("g", [CardDeclined("x"), KeyError("y")]),
            ErrorInfo("ExceptionGroup", "g (2 sub-exceptions)"),
        ),
        (SystemExit(3), ErrorInfo("SystemExit", "3")),
        (KeyboardInterrupt(), ErrorInfo("KeyboardInterrupt", "")),
        (GeneratorExit(), ErrorInfo("GeneratorExit", "")),
        (StopIteration("at 5"), ErrorInfo("StopIteration", "at 5")),
        (RuntimeError("odd"), ErrorInfo("RuntimeError", "odd")),
        (asyncio.CancelledError(), ErrorInfo("CancelledError", "")),
        (Unprintable(), ErrorInfo("Unprintable", "its message cannot be read")),
        (ValueError("x" * 5000), ErrorInfo("ValueError", "x" * 2000 + "…")),
        (TimeoutError("its own"), ErrorInfo("TimeoutError", "its own")),
    ],
)
@pytest.mark.parametrize("threaded", [False, True])
async def test_whatever_a_handler_raises_fails_the_attempt(fleet, error, expected, threaded):
    def plain(ctx):
        raise error

    async def on_loop(ctx):
        raise error

    fleet.app.step("fail")(plain if threaded else on_loop)
    await fleet.worker()

    await fleet.run("fail")

    record = await fleet.ended()
    assert record.outcome is Outcome.FAILED
    assert record.error == expected
    event = (await fleet.history())[-1]
    assert event["id"] == "r1/workflow.step.attempt_failed/s/run/1.1"
    assert event["data"]["error_type"] == expected.type
    assert event["data"]["at"] == record.finished_at


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e9, 10**400, "5", None])
def test_what_is_no_time_to_wait_is_refused(seconds):
    with pytest.raises(InvalidInput, match="RetryAfter: expected seconds, at most 31,622,400"):
        RetryAfter(seconds)


def test_a_time_to_wait_for_that_is_past_is_now():
    assert error_info(RetryAfter(-0.1, "busy")) == ErrorInfo("RetryAfter", "busy", retry_after=0.0)


def test_a_time_to_wait_comes_out_of_another_process():
    error = pickle.loads(pickle.dumps(RetryAfter(2)))
    assert error_info(error) == error_info(RetryAfter(2))


def test_what_cannot_be_encoded_does_not_get_into_the_record():
    assert error_info(ValueError("\ud800")) == ErrorInfo("ValueError", "?")


async def test_a_generators_own_exception_does_not_hang_a_thread(fleet):
    fleet.app.step("next")(lambda ctx: next(iter([])))
    await fleet.worker()

    await fleet.run("next")

    error = (await fleet.ended()).error
    assert error is not None
    assert error.type == "StopIteration"


async def test_a_failure_is_in_the_log_with_its_traceback(fleet, logs):
    @fleet.app.step("fail")
    async def fail(ctx):
        raise error

    error = CardDeclined("no money")
    await fleet.worker()
    await fleet.run("fail")

    assert len(logs.at("warning", "error")) == 1
    assert logs.having("warning", run="r1", error="CardDeclined: no money", exc_info=error)


async def test_input_that_does_not_fit_fails_for_good(fleet):
    @fleet.app.step("typed")
    async def typed(ctx, n: int): ...

    await fleet.worker()
    await fleet.run("typed", input={"n": "x"})

    assert (await fleet.record()).error == ErrorInfo(
        "ConversionError", "typed: argument 'n': Expected `int`, got `str`", False
    )


async def test_a_result_that_is_not_json_fails_for_good(fleet):
    @fleet.app.step("odd")
    async def odd(ctx):
        return object()

    await fleet.worker()
    await fleet.run("odd")

    error = (await fleet.record()).error
    assert error is not None
    assert (error.type, error.retryable) == ("ConversionError", False)


@pytest.mark.parametrize(
    ("result", "problem"),
    [({"rate": float("nan")}, "rate: JSON has no nan"), ({1: "a", "1": "b"}, "1: two keys")],
)
async def test_a_result_that_would_become_another_fails_for_good(fleet, result, problem):
    @fleet.app.step("odd")
    async def odd(ctx):
        return result

    await fleet.worker()
    await fleet.run("odd")

    error = (await fleet.record()).error
    assert error is not None
    assert (error.type, error.retryable) == ("ConversionError", False)
    assert problem in error.message


async def test_input_is_the_merged_map(fleet):
    seen = []

    @fleet.app.step("look")
    async def look(ctx):
        seen.append(ctx.input)

    await fleet.worker()
    outputs = {"a": {"x": 1, "y": 1}, "b": {"y": 2}, "c": [3], "d": None}
    await fleet.run("look", input={"order_id": 7, "x": 0}, outputs=outputs)

    assert seen == [
        {
            "order_id": 7,
            "x": 1,
            "y": 2,
            "a": {"x": 1, "y": 1},
            "b": {"y": 2},
            "c": [3],
            "d": None,
            "input": {"order_id": 7, "x": 0},
            "_workflow_id": "r1",
        }
    ]


async def test_stored_payloads_are_loaded(fleet):
    store = PayloadStore(fleet.backend.payloads, fleet.settings)
    seen = []

    @fleet.app.step("look")
    async def look(ctx):
        seen.append(ctx.input["a"]["x"] + ctx.input["n"])

    await fleet.worker()
    base = await store.store("r1", "input", b'{"n": 1}')
    output = await store.store("r1", "a", b'{"x": 2}')
    await fleet.run("look", input=StepInput(base, (("a", output),)))

    assert seen == [3]


MISSING = Stored("r1.gone", 1, "0")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (StepInput(MISSING), "CorruptRecord"),
        (StepInput(inline(b"{}"), (("a", MISSING),)), "CorruptRecord"),
        (StepInput(inline(b"[1]")), "InvalidInput"),
        (StepInput(inline(b"{}"), (), Earlier(MISSING, 1, "1", ())), "CorruptRecord"),
    ],
)
async def test_input_that_cannot_be_had_fails_for_good(fleet, given, error):
    @fleet.app.step("never")
    async def never(ctx):
        raise AssertionError

    await fleet.worker()
    await fleet.run("never", input=given)

    found = (await fleet.record()).error
    assert found is not None
    assert (found.type, found.retryable) == (error, False)


@pytest.mark.parametrize("raw", [b"{", b"\xff"])
async def test_stored_bytes_that_are_no_json_fail_for_good(fleet, raw):
    fleet.app.step("never")(lambda ctx: None)
    store = PayloadStore(fleet.backend.payloads, fleet.settings)
    stored = await store.store("r1", "x", raw)
    await fleet.worker()

    await fleet.run("never", input=StepInput(inline(b"{}"), (), Earlier(stored, 1, "1", ())))
    await fleet.run("never", input=StepInput(stored), step="s2")

    for step in ("s", "s2"):
        error = (await fleet.record(step=step)).error
        assert error is not None
        assert error.type == "CorruptRecord"


async def test_a_payload_store_without_an_answer_is_asked_again(fleet):
    @fleet.app.step("look")
    async def look(ctx):
        return ctx.input["n"]

    store = PayloadStore(fleet.backend.payloads, fleet.settings)
    base = await store.store("r1", "input", b'{"n": 1}')
    fleet.rewire(payloads=Flaky(fleet.backend.payloads, read=["before", "before"]))
    await fleet.worker()
    await fleet.run("look", input=StepInput(base))
    await fleet.clock.advance(1.0)

    assert await fleet.output() == 1


async def test_a_large_output_is_stored_and_a_huge_one_refused():
    fleet = Fleet(Settings(inline_limit=100, payload_limit=1000))

    @fleet.app.step("put")
    async def put(ctx, n: int):
        return "x" * n

    await fleet.worker()
    for run, size in (("small", 10), ("large", 500), ("huge", 5000)):
        await fleet.run("put", run=run, input={"n": size})

    assert await fleet.output("small") == "x" * 10
    large = (await fleet.record("large")).output
    assert isinstance(large, Stored)
    assert large.key.startswith("large.output.s.")
    loaded = await PayloadStore(fleet.backend.payloads, fleet.settings).load(large)
    assert loaded == encode("x" * 500)
    huge = await fleet.record("huge")
    assert huge.outcome is Outcome.FAILED
    assert huge.error is not None
    assert (huge.error.type, huge.error.retryable) == ("PayloadTooLarge", False)
    await fleet.close()


async def test_an_output_that_no_record_takes_fails_the_attempt(fleet):
    refusal = PayloadTooLarge("2 MB exceed the stream's max_msg_size")
    fleet.rewire(runs=Flaky(fleet.backend.runs, write=["ok", refusal]))

    @fleet.app.step("large")
    async def large(ctx):
        return "x"

    await fleet.worker()
    await fleet.run("large")

    record = await fleet.record()
    assert record.error == ErrorInfo("PayloadTooLarge", str(refusal), retryable=False)
    assert (await fleet.types())[-1] == "step.attempt_failed"


async def test_a_failure_that_no_record_takes_comes_again(fleet, logs):
    refusal = PayloadTooLarge("all is too much")
    fleet.rewire(runs=Flaky(fleet.backend.runs, write=["ok", refusal]))

    @fleet.app.step("broken")
    async def broken(ctx):
        raise ValueError

    await fleet.worker()
    await fleet.run("broken")

    assert (await fleet.record()).outcome is Outcome.RUNNING
    assert len(logs.having("error", subject=ANY, exc_info=True)) == 1


async def test_an_input_that_cannot_be_loaded_is_left_to_redelivery(fleet):
    seen = []

    @fleet.app.step("look")
    async def look(ctx):
        seen.append((ctx.attempt, ctx.input["n"]))

    base = await PayloadStore(fleet.backend.payloads, fleet.settings).store("r1", "x", b'{"n": 1}')
    fleet.rewire(payloads=Flaky(fleet.backend.payloads, read=["before"] * 40))
    await fleet.worker()
    await fleet.run("look", input=StepInput(base))
    await fleet.clock.advance(200.0)

    assert seen == [(1, 1)]
    record = await fleet.record()
    assert (record.outcome, record.lost) == (Outcome.COMPLETED, 1)


async def test_an_output_that_cannot_be_stored_is_left_to_redelivery():
    fleet = Fleet(Settings(inline_limit=100, lease=10.0))
    calls = []

    @fleet.app.step("put")
    async def put(ctx):
        calls.append(ctx.attempt)
        return "x" * 500

    fleet.rewire(payloads=Flaky(fleet.backend.payloads, put=["before"] * 20))
    await fleet.worker()
    await fleet.run("put")
    await fleet.clock.advance(100.0)

    assert (await fleet.record()).outcome is Outcome.COMPLETED
    assert len(calls) == 2
    await fleet.close()


async def test_a_time_limit_ends_an_async_handler(fleet):
    cleaned = []

    @fleet.app.step("slow")
    async def slow(ctx):
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(ctx.step_id)

    await fleet.worker()
    await fleet.run("slow", timeout=0.01)

    record = await fleet.ended()
    assert record.error == ErrorInfo("Timeout", "no result within 0.01 s")
    assert cleaned == ["s"]


async def test_a_handler_that_ignores_its_time_limit_is_given_up(fleet):
    release, ended = asyncio.Event(), []

    @fleet.app.step("stubborn")
    async def stubborn(ctx):
        while not release.is_set():
            with suppress(BaseException):
                await release.wait()
        ended.append(ctx.cancelled)
        return "too late"

    @fleet.app.step("next")
    async def following(ctx): ...

    worker = await fleet.worker(concurrency=1)
    await fleet.run("stubborn", timeout=0.01)

    assert (await fleet.ended()).error == ErrorInfo("Timeout", "no result within 0.01 s")
    (left,) = worker._executor._left_behind
    assert fleet.sample("handlers_left_behind") == 1
    await fleet.run("next", step="n")
    assert (await fleet.record(step="n")).outcome is Outcome.COMPLETED  # it has a slot
    assert ended == []

    release.set()
    await settle()
    assert ended == [True]
    assert left.exception() is None
    assert fleet.sample("handlers_left_behind") == 0
    assert (await fleet.record()).outcome is Outcome.FAILED
    assert await fleet.types() == [
        *("step.started", "step.attempt_failed", "step.started", "step.completed")
    ]


async def test_a_result_that_comes_after_the_time_limit_is_none(fleet):
    @fleet.app.step("late")
    async def late(ctx):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "late"

    await fleet.worker()
    await fleet.run("late", timeout=0.01)

    assert (await fleet.ended()).error == ErrorInfo("Timeout", "no result within 0.01 s")


async def test_an_error_of_its_own_at_the_time_limit_is_told(fleet):
    @fleet.app.step("late")
    async def late(ctx):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise CardDeclined("while cleaning up") from None

    await fleet.worker()
    await fleet.run("late", timeout=0.01)

    assert (await fleet.ended()).error == ErrorInfo("CardDeclined", "while cleaning up")


async def test_a_handler_that_ignores_its_cancellation_is_given_up(fleet, monkeypatch):
    monkeypatch.setitem(attempt._GRACE, attempt.Halt.CANCELLED, 0.01)
    release = asyncio.Event()

    @fleet.app.step("stubborn")
    async def stubborn(ctx):
        while not release.is_set():
            with suppress(BaseException):
                await release.wait()

    await fleet.worker()
    await fleet.run("stubborn")
    await cancel(fleet)

    assert (await fleet.ended()).outcome is Outcome.CANCELLED
    release.set()


async def test_a_handler_that_ignores_both_time_limit_and_cancellation_ends_cancelled(
    fleet, monkeypatch
):
    monkeypatch.setitem(attempt._GRACE, attempt.Halt.NOT, 1000.0)
    monkeypatch.setitem(attempt._GRACE, attempt.Halt.CANCELLED, 0.01)
    release, refused = asyncio.Event(), []

    @fleet.app.step("stubborn")
    async def stubborn(ctx):
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                refused.append(ctx.cancelled)

    await fleet.worker()
    await fleet.run("stubborn", timeout=0.01)
    await eventually(lambda: refused == [False])
    await cancel(fleet)
    record = await fleet.ended()
    release.set()

    assert record.outcome is Outcome.CANCELLED
    assert refused == [False, True]


async def test_a_handler_does_not_outlive_whoever_runs_it(fleet):
    entered, cleaned = asyncio.Event(), []

    @fleet.app.step("wait")
    async def wait(ctx):
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(ctx.step_id)

    worker = await fleet.worker()
    await fleet.run("wait")
    (task,) = worker._tasks
    task.cancel()
    await settle()

    assert cleaned == ["s"]
    assert (await fleet.record()).outcome is Outcome.RUNNING


@pytest.mark.parametrize("kind", ["silent", "silenced", "thread"])
async def test_a_handler_without_heartbeats_is_given_up(fleet, kind):
    release = threading.Event()

    @fleet.app.step("silent", heartbeat_timeout=0.05)
    async def silent(ctx):
        await asyncio.Event().wait()

    @fleet.app.step("silenced", heartbeat_timeout=0.05)
    async def silenced(ctx):
        ctx.heartbeat()
        await asyncio.Event().wait()

    @fleet.app.step("thread", heartbeat_timeout=0.05)
    def thread(ctx):
        release.wait()
        return "too late"

    await fleet.worker()
    await fleet.run(kind)
    await fleet.clock.advance(3.0)

    record = await fleet.ended()
    release.set()
    assert record.outcome is Outcome.FAILED
    assert record.error == ErrorInfo("HeartbeatTimeout", "no heartbeat within 0.05 s")


async def test_heartbeats_keep_an_attempt(fleet, monkeypatch):
    # Given looks that take the handler to have begun long ago
    right = attempt.InflightAttempt._check_progress
    looks, enough = [], asyncio.Event()

    def look(self, limit, clock, begun):
        looks.append(begun)
        if len(looks) == 3:
            enough.set()
        right(self, limit, clock, begun - 10.0)

    monkeypatch.setattr(attempt.InflightAttempt, "_check_progress", look)

    # When it gives a heartbeat
    @fleet.app.step("busy", heartbeat_timeout=0.01)
    async def busy(ctx):
        ctx.heartbeat()
        await enough.wait()

    await fleet.worker()
    await fleet.run("busy")

    # Then that counts, and not its beginning
    assert (await fleet.ended()).outcome is Outcome.COMPLETED


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "30"])
def test_what_is_no_heartbeat_timeout_is_refused(seconds):
    with pytest.raises(InvalidInput, match="heartbeat_timeout: expected seconds above 0"):

        @App().step("busy", heartbeat_timeout=seconds)
        async def busy(ctx):
            pass


async def test_a_timeout_says_when_the_last_progress_was(fleet):
    @fleet.app.step("slow")
    async def slow(ctx):
        ctx.heartbeat()
        await asyncio.Event().wait()

    await fleet.worker()
    await fleet.run("slow", timeout=0.05)
    await fleet.clock.advance(3.0)

    record = await fleet.ended()
    assert record.error == ErrorInfo(
        "Timeout", "no result within 0.05 s; the last heartbeat was 3.0 s ago"
    )


async def test_a_thread_whose_time_is_over_goes_on_and_holds_its_slot(fleet):
    release, seen = threading.Event(), []

    @fleet.app.step("slow")
    def slow(ctx):
        release.wait(10)
        seen.append(ctx.cancelled)
        return "too late"

    @fleet.app.step("next")
    async def following(ctx):
        seen.append("next")

    await fleet.worker(concurrency=1)
    await fleet.run("slow", timeout=0.01)
    assert (await fleet.ended()).error == ErrorInfo("Timeout", "no result within 0.01 s")
    await fleet.run("next", step="n")
    assert seen == []
    assert fleet.sample("attempts_running") == 1

    release.set()
    await fleet.ended(step="n")

    assert seen == [True, "next"]
    await eventually(lambda: fleet.sample("attempts_running") == 0)
    record = await fleet.record()
    assert record.outcome is Outcome.FAILED


async def test_a_cancelled_async_handler_ends_cancelled(fleet):
    entered, cleaned = asyncio.Event(), []

    @fleet.app.step("wait")
    async def wait(ctx):
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cleaned.append(ctx.cancelled)
            raise

    await fleet.worker()
    await fleet.run("wait")
    await cancel(fleet)

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
async def test_a_notice_means_a_run_or_one_step_of_it(fleet, run, step, stops):
    release = asyncio.Event()

    @fleet.app.step("wait")
    async def wait(ctx):
        await release.wait()

    await fleet.worker()
    await fleet.run("wait")
    await cancel(fleet, run, step)
    release.set()
    await settle()

    expected = Outcome.CANCELLED if stops else Outcome.COMPLETED
    assert (await fleet.record()).outcome is expected


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"step": 7}', b"\xff"])
async def test_a_notice_that_cannot_be_read_changes_nothing(fleet, data, logs):
    release = asyncio.Event()

    @fleet.app.step("wait")
    async def wait(ctx):
        await release.wait()

    await fleet.worker()
    await fleet.run("wait")
    await fleet.backend.notifier.publish("flowworker.cancel.r1", data)
    await settle()
    release.set()
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
    await cancel(fleet)

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
    await cancel(fleet)

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
    await cancel(fleet)

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
    await cancel(fleet)
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
