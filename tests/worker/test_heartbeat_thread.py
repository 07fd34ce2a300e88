"""The thread that renews claims, and what it sees of the main event loop."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from flowworker.clock import SystemClock
from flowworker.codec.messages import StepInput
from flowworker.core.ids import COORDINATOR
from flowworker.core.status import Outcome
from flowworker.errors import Conflict
from flowworker.settings import Settings
from flowworker.stores.payloads import PayloadStore
from flowworker.testing.clock import settle
from tests.support.faults import Flaky
from tests.support.logs import ANY
from tests.support.waiting import WAIT_LIMIT, eventually
from tests.worker.fleet import Fleet
from tests.worker.heartbeats import Link

pytestmark = pytest.mark.usefixtures("short_tick")


async def test_only_handlers_on_the_loop_are_blamed_for_what_blocks_it(fleet, gate):
    entered, leave = threading.Event(), threading.Event()
    loading, go_on = asyncio.Event(), asyncio.Event()

    async def load(*_):
        loading.set()
        await go_on.wait()

    @fleet.app.step("thread")
    def thread(ctx):
        entered.set()
        leave.wait(10)

    @fleet.app.step("later")
    async def later(ctx):
        pass

    stored = await PayloadStore(fleet.backend.payloads, fleet.settings).store(
        "r3", COORDINATOR, "x", b"{}"
    )
    fleet.rewire(payloads=Flaky(fleet.backend.payloads, read=[load]))
    worker = await fleet.worker()
    await fleet.run("wait")
    await fleet.run("thread", run="r2")
    await fleet.run("later", run="r3", input=StepInput(stored))
    await eventually(entered.is_set)
    await loading.wait()

    assert worker._inflight.running_handlers(None) == ["wait"]
    go_on.set()
    leave.set()
    gate.set()


async def test_a_blocked_event_loop_does_not_lose_its_claims(logs):
    # Given a lease of 0.4 s and a handler that blocks the loop until it was renewed a few times
    fleet = Fleet(Settings(lease=0.4), SystemClock())
    link = Link(fleet.backend.runs)
    fleet.rewire(open_heartbeat=link.open)
    seen, ended = set(), asyncio.Event()

    def blamed():
        return logs.having("warning", seconds=ANY, handlers=ANY)

    @fleet.app.step("rude")
    async def rude(ctx):
        until = time.monotonic() + WAIT_LIMIT
        while time.monotonic() < until:
            found = await_now(fleet.backend.runs.read("step.default.r1.s"))
            seen.add(found[0])
            if len(seen) >= 5 and blamed():
                break
            time.sleep(0.01)  # noqa: ASYNC251  # it is rude
        ended.set()

    @fleet.app.step("polite")
    async def polite(ctx):
        await ended.wait()

    # When it runs beside another one
    await fleet.worker()
    await fleet.run("polite", run="r2")
    await fleet.run("rude")
    record = await fleet.ended()
    await fleet.ended("r2")

    # Then both claims were renewed meanwhile, and the log names the culprit alone
    assert record.outcome is Outcome.COMPLETED
    assert len(seen) >= 5
    assert (await fleet.record("r2")).outcome is Outcome.COMPLETED
    assert blamed()[0]["handlers"] == ["rude"]
    assert fleet.sample("claims_lost_total") == 0
    await fleet.close()


def await_now(coroutine):
    """The result of a coroutine that never waits, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


async def test_the_loops_lag_is_a_metric(fleet, gate):
    await fleet.worker()
    await fleet.run("wait")
    fleet.metrics.loop_lag.set(-1)
    await eventually(lambda: fleet.sample("event_loop_lag_seconds") >= 0)
    gate.set()


async def test_a_beat_that_fails_does_not_end_the_thread(fleet, link, gate, logs, monkeypatch):
    from flowworker.worker.lag import LagProbe

    faults = [RuntimeError("odd")]
    ask = LagProbe.ask

    def faulty(probe, main):
        if faults:
            raise faults.pop()
        ask(probe, main)

    monkeypatch.setattr(LagProbe, "ask", faulty)
    await fleet.worker()
    await fleet.run("wait")
    await fleet.clock.advance(10.5)
    await eventually(lambda: link.writes == 1)
    gate.set()

    assert len(logs.having("error", exc_info=True)) == 1


async def test_the_thread_ends_with_the_worker(fleet, gate):
    def threads():
        return [t for t in threading.enumerate() if t.name == "flowworker-heartbeat"]

    before = len(threads())
    worker = await fleet.worker()
    await fleet.run("wait")
    assert len(threads()) == before + 1
    gate.set()
    await settle()

    await worker.drain()
    await eventually(lambda: len(threads()) == before)


def test_the_thread_ends_when_the_main_loop_was_closed():
    started: list[threading.Thread] = []

    async def main():
        fleet = Fleet(Settings(lease=0.5), SystemClock())
        fleet.app.step("x")(lambda ctx: None)
        await fleet.worker()
        await fleet.run("x")
        await fleet.ended()
        started.extend(t for t in threading.enumerate() if t.name == "flowworker-heartbeat")

    asyncio.run(main())

    assert started
    for thread in started:
        thread.join(5)
        assert not thread.is_alive()


async def test_a_conflict_after_the_release_is_nobodys_business(fleet, slow_link, gate):
    slow_link.script = [Conflict("late")]
    await fleet.worker()
    await fleet.run("wait")
    await fleet.clock.advance(10.5)
    await eventually(slow_link.begun.is_set)
    gate.set()
    await settle()
    slow_link.go_on.set()

    assert (await fleet.ended()).outcome is Outcome.COMPLETED
