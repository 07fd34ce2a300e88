"""How handlers end: with a result, an exception, or neither that a record takes."""

from __future__ import annotations

import asyncio
import pickle

import pytest
from msgspec.structs import replace

from flowworker.core.error_types import bases_of
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Outcome
from flowworker.errors import (
    ConversionError,
    InvalidInput,
    NonRetryableError,
    RetryAfter,
)
from flowworker.worker.failures import error_info


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
    assert replace(record.error, bases=()) == expected
    event = (await fleet.history())[-1]
    assert event["id"] == "r1/workflow.step.attempt_failed/s/run/1.1"
    assert event["data"]["error_type"] == expected.type
    assert tuple(event["data"].get("error_bases", ())) == record.error.bases
    assert event["data"]["at"] == record.finished_at


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e9, 10**400, "5", None])
def test_what_is_no_time_to_wait_is_refused(seconds):
    with pytest.raises(InvalidInput, match="RetryAfter: expected seconds, at most 31,622,400"):
        RetryAfter(seconds)


def test_a_time_to_wait_for_that_is_past_is_now():
    expected = ErrorInfo("RetryAfter", "busy", retry_after=0.0, bases=bases_of(RetryAfter))

    assert error_info(RetryAfter(-0.1, "busy")) == expected


def test_a_time_to_wait_comes_out_of_another_process():
    error = pickle.loads(pickle.dumps(RetryAfter(2)))
    assert error_info(error) == error_info(RetryAfter(2))


def test_what_cannot_be_encoded_does_not_get_into_the_record():
    assert error_info(ValueError("\ud800")) == ErrorInfo(
        "ValueError", "?", bases=bases_of(ValueError)
    )


def test_an_error_names_the_bases_of_its_type():
    assert error_info(CardDeclined()).bases == ("Exception", "BaseException")
    assert error_info(ExceptionGroup("g", [KeyError("x")])).bases[0] == "LookupError"


def test_no_rule_is_asked_about_an_error_that_is_never_tried_again():
    assert error_info(NonRetryableError("stop")).bases == ()


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
