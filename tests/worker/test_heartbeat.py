"""Claims outlive long handlers, lost answers and a blocked event loop."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from msgspec.structs import replace

from flowworker.clock import SystemClock
from flowworker.codec.messages import StepInput
from flowworker.core.status import Outcome
from flowworker.errors import Conflict, CorruptRecord, Unavailable
from flowworker.memory.queue import MessageDelivery
from flowworker.settings import Settings
from flowworker.stores.payloads import PayloadStore
from flowworker.testing.clock import settle
from flowworker.worker import heartbeat
from tests.support.faults import Flaky
from tests.support.logs import ANY
from tests.support.waiting import WAIT_LIMIT, eventually
from tests.worker.fleet import Fleet, running

TICK = 0.02
"""Real seconds from one beat of the thread to the next."""


@pytest.fixture(autouse=True)
def short_tick(monkeypatch):
    monkeypatch.setattr(heartbeat, "_LONGEST_TICK", TICK)


class Link:
    """A link of its own: writes from whatever thread it is used on."""

    def __init__(self, records, script=()):
        self.records = records
        self.script = list(script)
        self.writes = 0
        self.beats = 0
        self.closed = 0
        self.opened = 0
        self.refused = 0

    async def open(self):
        if self.refused:
            self.refused -= 1
            raise Unavailable("nobody there")
        self.opened += 1
        return self

    async def write(self, key, value, revision):
        what = self.script.pop(0) if self.script else "ok"
        if isinstance(what, BaseException):
            raise what
        if what == "hang":
            await asyncio.Event().wait()
        if what == "before":
            raise Unavailable("no answer")
        written = await self.records.write(key, value, revision)
        if what == "after":
            raise Unavailable("no answer in time")
        self.writes += 1
        return written

    async def in_progress(self, delivery):
        self.beats += 1

    async def close(self):
        self.closed += 1


@pytest.fixture
def link(fleet):
    link = Link(fleet.backend.runs)
    fleet.rewire(open_heartbeat=link.open)
    return link


@pytest.fixture
def gate(fleet):
    gate = asyncio.Event()

    @fleet.app.step("wait")
    async def wait(ctx):
        await gate.wait()
        return "done"

    return gate


async def beaten(fleet):
    """Wait until the heartbeat's thread has looked at all claims, from beginning to end."""
    for _ in range(2):
        fleet.metrics.loop_lag.set(-1)
        await eventually(lambda: fleet.sample("event_loop_lag_seconds") >= 0, pause=0.001)


async def test_short_steps_cost_no_renewal_and_no_link(fleet, link, gate):
    await fleet.worker()
    await fleet.run("wait")
    await fleet.clock.advance(9.0)
    await beaten(fleet)
    gate.set()
    record = await fleet.ended()

    assert record.outcome is Outcome.COMPLETED
    assert (link.opened, link.writes, link.beats) == (0, 0, 0)


async def test_a_long_step_is_renewed_every_third_of_a_lease(fleet, link, gate):
    await fleet.worker()
    await fleet.run("wait")
    first = await fleet.record()

    async def is_renewed(times):
        await eventually(lambda: link.beats == times)

    for times in (1, 2, 3):
        await fleet.clock.advance(10.5)
        await is_renewed(times)
    second = await fleet.record()
    gate.set()
    record = await fleet.ended()

    assert second == replace(first, lease_until=second.lease_until)
    assert second.lease_until == first.lease_until + 31.5
    assert (link.opened, link.writes) == (1, 3)
    assert record.outcome is Outcome.COMPLETED
    event = (await fleet.history())[-1]
    assert event["data"]["revision"] == await fleet.revision()


async def test_the_memory_backends_own_link_renews(fleet, gate):
    await fleet.worker()
    await fleet.run("wait")
    first = await fleet.revision()
    await fleet.clock.advance(10.5)

    async def renewed():
        return await fleet.revision() > first

    await eventually(renewed)
    gate.set()
    record = await fleet.ended()
    assert record.outcome is Outcome.COMPLETED


@pytest.mark.parametrize("fault", ["before", Unavailable("x"), RuntimeError("odd"), "hang"])
async def test_a_renewal_that_fails_is_tried_again_over_a_new_link(settings, fault, logs):
    fleet = Fleet(Settings(lease=0.9), SystemClock())
    link = Link(fleet.backend.runs, [fault])
    fleet.rewire(open_heartbeat=link.open)
    gate = asyncio.Event()

    @fleet.app.step("wait")
    async def wait(ctx):
        await gate.wait()

    await fleet.worker()
    await fleet.run("wait")
    await eventually(lambda: link.writes >= 1)
    gate.set()
    record = await fleet.ended()

    assert record.outcome is Outcome.COMPLETED
    assert len(logs.having("warning", subject=ANY, error=ANY)) == 1
    assert (link.opened, link.closed) == (2, 1)
    await fleet.close()
    assert link.closed == 2


async def test_a_link_that_cannot_be_opened_is_tried_again(fleet, link, gate):
    link.refused = 2
    await fleet.worker()
    await fleet.run("wait")
    await fleet.clock.advance(9.0)
    for _ in range(40):
        await fleet.clock.advance(0.5)
        await beaten(fleet)
        if link.writes:
            break
    await eventually(lambda: link.writes >= 1)
    gate.set()
    record = await fleet.ended()

    assert record.outcome is Outcome.COMPLETED


async def test_a_renewal_whose_answer_got_lost_is_recognised(fleet, link, gate):
    link.script = ["after"]
    await fleet.worker()
    await fleet.run("wait")
    first = await fleet.revision()
    await fleet.clock.advance(10.5)

    async def renewed():
        return await fleet.revision() == first + 1

    await eventually(renewed)
    for _ in range(38):  # the next try meets a Conflict, and the one after it succeeds
        await fleet.clock.advance(0.5)
        await beaten(fleet)
        if link.writes:
            break
    gate.set()
    record = await fleet.ended()

    assert link.writes >= 1
    assert link.opened == 2  # nothing is wrong with one over which a Conflict came
    assert record.outcome is Outcome.COMPLETED
    assert fleet.sample("claims_lost_total") == 0


async def test_a_result_is_written_although_the_last_renewal_got_no_answer(fleet, link, gate):
    link.script = ["after"]
    await fleet.worker()
    await fleet.run("wait")
    first = await fleet.revision()
    await fleet.clock.advance(10.5)

    async def renewed():
        return await fleet.revision() == first + 1

    await eventually(renewed)
    gate.set()
    record = await fleet.ended()

    assert record.outcome is Outcome.COMPLETED


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_handler_whose_claim_was_taken_over_is_stopped(fleet, link, threaded):
    stopped, entered, release = [], threading.Event(), threading.Event()

    def plain(ctx):
        entered.set()
        release.wait(10)
        stopped.append(ctx.cancelled)

    async def on_loop(ctx):
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.append(ctx.cancelled)
            raise

    fleet.app.step("long")(plain if threaded else on_loop)
    worker = await fleet.worker()
    await fleet.run("long")
    await eventually(entered.is_set)
    await fleet.write(running(fleet.clock, lost=1, lease=1000.0), await fleet.revision())
    await fleet.clock.advance(10.5)
    await eventually(lambda: fleet.sample("claims_lost_total") == 1)
    release.set()
    await eventually(lambda: stopped == [True])
    await settle()

    assert (await fleet.record()).worker == "other"
    assert link.writes == 0
    assert worker.running


@pytest.mark.parametrize(
    "error", [Unavailable("out"), CorruptRecord("step.s", b"{", "damaged")], ids=["out", "damaged"]
)
async def test_a_doubt_that_cannot_be_resolved_is_left_to_the_lease(fleet, link, gate, logs, error):
    link.script = ["after", "ok"]
    records = Flaky(fleet.backend.runs)
    fleet.rewire(runs=records)
    await fleet.worker()
    await fleet.run("wait")
    records.scripts["read"] = [error] * 1000
    for _ in range(30):
        await fleet.clock.advance(3.0)
        await beaten(fleet)
    await eventually(lambda: logs.having("warning", error=str(error)))
    records.scripts["read"] = []
    gate.set()
    record = await fleet.ended()

    # Nobody else took it, so the result still counts.
    assert record.outcome is Outcome.COMPLETED


async def test_a_release_waits_for_the_renewal_in_flight(fleet):
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Link):
        async def write(self, key, value, revision):
            begun.set()
            await asyncio.to_thread(go_on.wait, 10)
            return await super().write(key, value, revision)

    link = Slow(fleet.backend.runs)
    fleet.rewire(open_heartbeat=link.open)
    gate = asyncio.Event()

    @fleet.app.step("wait")
    async def wait(ctx):
        await gate.wait()

    await fleet.worker()
    await fleet.run("wait")
    await fleet.clock.advance(10.5)
    await eventually(begun.is_set)
    gate.set()
    await settle()
    assert (await fleet.record()).outcome is Outcome.RUNNING

    go_on.set()
    assert (await fleet.ended()).outcome is Outcome.COMPLETED
    assert link.writes == 1


async def test_a_thread_that_outlives_the_drain_is_put_back_until_its_lease_is_over(
    fleet, monkeypatch
):
    # Given a thread whose claim is being renewed while the worker drains
    entered, leave = threading.Event(), threading.Event()
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Link):
        async def write(self, key, value, revision):
            begun.set()
            await asyncio.to_thread(go_on.wait, 10)
            return await super().write(key, value, revision)

    put_back = []
    nak = MessageDelivery.nak

    async def note(delivery, delay=0.0):
        put_back.append(fleet.clock.now() + delay)
        await nak(delivery, delay)

    @fleet.app.step("stuck")
    def stuck(ctx):
        entered.set()
        leave.wait(10)

    monkeypatch.setattr(MessageDelivery, "nak", note)
    fleet.rewire(open_heartbeat=Slow(fleet.backend.runs).open)
    worker = await fleet.worker()
    await fleet.run("stuck")
    await eventually(entered.is_set)
    await fleet.clock.advance(10.5)
    await eventually(begun.is_set)
    draining = asyncio.create_task(worker.drain())
    await fleet.clock.advance(5.0)
    assert put_back == []

    # When it has been renewed
    go_on.set()
    await draining
    leave.set()

    # Then it comes again when that lease ends
    assert put_back == [(await fleet.record()).lease_until]


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

    stored = await PayloadStore(fleet.backend.payloads, fleet.settings).store("r3", "x", b"{}")
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


async def test_a_conflict_after_the_release_is_nobodys_business(fleet):
    class Late(Link):
        async def write(self, key, value, revision):
            begun.set()
            await asyncio.to_thread(go_on.wait, 10)
            raise Conflict("late")

    begun, go_on, gate = threading.Event(), threading.Event(), asyncio.Event()
    fleet.rewire(open_heartbeat=Late(fleet.backend.runs).open)

    @fleet.app.step("wait")
    async def wait(ctx):
        await gate.wait()

    await fleet.worker()
    await fleet.run("wait")
    await fleet.clock.advance(10.5)
    await eventually(begun.is_set)
    gate.set()
    await settle()
    go_on.set()

    assert (await fleet.ended()).outcome is Outcome.COMPLETED
