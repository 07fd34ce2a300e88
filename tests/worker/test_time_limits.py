"""Handlers that exceed a time limit, on the loop and in threads."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest

from flowworker.core.error_types import OF_HEARTBEAT_TIMEOUT, OF_TIMEOUT, bases_of
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Outcome
from flowworker.errors import (
    InvalidInput,
)
from flowworker.handlers.app import App
from flowworker.testing.clock import settle
from flowworker.worker import attempt
from tests.support.waiting import eventually


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
    assert record.error == ErrorInfo("Timeout", "no result within 0.01 s", bases=OF_TIMEOUT)
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

    assert (await fleet.ended()).error == ErrorInfo(
        "Timeout", "no result within 0.01 s", bases=OF_TIMEOUT
    )
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

    assert (await fleet.ended()).error == ErrorInfo(
        "Timeout", "no result within 0.01 s", bases=OF_TIMEOUT
    )


async def test_an_error_of_its_own_at_the_time_limit_is_reported(fleet):
    @fleet.app.step("late")
    async def late(ctx):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise KeyError("while cleaning up") from None

    await fleet.worker()
    await fleet.run("late", timeout=0.01)

    assert (await fleet.ended()).error == ErrorInfo(
        "KeyError", "'while cleaning up'", bases=bases_of(KeyError)
    )


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
    await fleet.cancel()

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
    await fleet.cancel()
    record = await fleet.ended()
    release.set()

    assert record.outcome is Outcome.CANCELLED
    assert refused == [False, True]


async def test_a_handler_does_not_outlive_the_one_who_runs_it(fleet):
    cleaned = []

    @fleet.app.step("wait")
    async def wait(ctx):
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
    assert record.error == ErrorInfo(
        "HeartbeatTimeout", "no heartbeat within 0.05 s", bases=OF_HEARTBEAT_TIMEOUT
    )


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
        "Timeout", "no result within 0.05 s; the last heartbeat was 3.0 s ago", bases=OF_TIMEOUT
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
    assert (await fleet.ended()).error == ErrorInfo(
        "Timeout", "no result within 0.01 s", bases=OF_TIMEOUT
    )
    await fleet.run("next", step="n")
    assert seen == []
    assert fleet.sample("attempts_running") == 1

    release.set()
    await fleet.ended(step="n")

    assert seen == [True, "next"]
    await eventually(lambda: fleet.sample("attempts_running") == 0)
    record = await fleet.record()
    assert record.outcome is Outcome.FAILED
