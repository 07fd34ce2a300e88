"""Messages that cannot be served here, or at all."""

from __future__ import annotations

import pytest

from flowworker.codec.json import encode
from flowworker.codec.keys import step_key
from flowworker.core.records import StepRecord
from flowworker.core.status import Kind, Outcome, Priority
from flowworker.errors import Unavailable
from flowworker.handlers.app import App
from flowworker.ports import Delivery
from flowworker.settings import Settings
from flowworker.testing.clock import settle
from flowworker.worker import unserved
from tests.support.faults import Flaky
from tests.support.logs import ANY, Containing


@pytest.fixture
def served(fleet):
    served: list[str] = []

    @fleet.app.step("known")
    async def known(ctx):
        served.append(ctx.run_id)

    return served


async def queued(fleet):
    lane = fleet.backend.steps._lane("default", "normal")
    return len(lane._groups)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff", b"[]", b"{}", b'{"run": 7}', b"[" * 100_000, b'{"v": "x"}'],
)
async def test_what_is_not_a_step_message_is_dropped_with_its_bytes_in_the_log(
    fleet, served, raw, logs
):
    await fleet.worker()

    await fleet.send_raw(raw, fleet.message("known"))
    await settle()
    await fleet.run("known", run="r2")

    assert len(logs.having("error", subject=ANY, error=ANY, size=len(raw))) == 1
    assert logs.tracebacks == []
    assert served == ["r2"]
    assert await queued(fleet) == 0


@pytest.mark.parametrize("field", [{"run": "a.b"}, {"run": ""}, {"step": "*"}, {"queue": ">"}])
async def test_names_that_would_reach_other_keys_are_refused(fleet, served, field, logs):
    good = fleet.message("known")
    bad = fleet.message("known", **field)
    await fleet.worker()

    await fleet.send_raw(encode(bad), good)
    await settle()

    assert len(logs.having("error", subject=ANY, error=ANY, size=ANY)) == 1
    assert served == []
    assert await fleet.backend.runs.keys("step.>") == []


@pytest.mark.parametrize(
    "raw", [b'{"v": 3, "something": "new"}', None], ids=["other fields", "same fields"]
)
async def test_a_message_of_a_newer_release_is_left_to_its_workers(fleet, served, raw, logs):
    message = fleet.message("known", v=3)
    await fleet.worker()

    await fleet.send_raw(raw or encode(message), message)
    await fleet.clock.advance(10.0)

    assert served == []
    assert await queued(fleet) == 1
    assert logs.at("error") == []


async def test_an_unknown_handler_is_left_to_a_worker_that_has_it(fleet, served):
    await fleet.worker(App())
    await fleet.run("known")
    await fleet.clock.advance(3.0)
    assert served == []

    await fleet.worker()
    await fleet.clock.advance(15.0)

    assert served == ["r1"]


@pytest.fixture
def settings():
    return Settings(lease=30.0, drain=5.0)


async def test_a_step_without_a_handler_waits_and_says_so(fleet, served, logs):
    await fleet.worker()
    await fleet.worker()
    await fleet.run("payments.charge")
    await fleet.clock.advance(100.0)

    # Then it waited, reported once, with a warning per minute and worker
    assert await fleet.revision() == 0
    assert await queued(fleet) == 1
    (event,) = await fleet.history()
    assert event["type"] == "workflow.step.waiting_handler"
    assert event["data"]["handler"] == "payments.charge"
    assert len(logs.having("warning", handler="payments.charge", run=ANY)) == 4
    offers = fleet.sample("handlers_missing_total", handler="payments.charge")
    assert 20 < offers < 50  # a few seconds apart

    # And a worker that has the handler serves it, as if nothing had been
    app = App()
    app.step("payments.charge")(lambda ctx: ctx.attempt)
    await fleet.worker(app)
    await fleet.clock.advance(20.0)
    record = await fleet.record()
    assert (record.outcome, record.number, record.lost) == (Outcome.COMPLETED, 1, 0)
    assert await queued(fleet) == 0


async def test_a_waiting_step_that_was_fenced_is_put_back_no_more(fleet, served):
    await fleet.worker()
    message = await fleet.run("payments.charge")
    fenced = StepRecord(
        message.run, message.step, Kind.RUN, 1, 1, Outcome.CANCELLED, finished_at=1.0
    )

    await fleet.write(fenced)
    await fleet.clock.advance(6.0)

    assert await queued(fleet) == 0


async def test_a_step_that_is_over_waits_for_no_handler(fleet, served):
    await fleet.worker()
    over = StepRecord("r1", "s", Kind.RUN, 1, 1, Outcome.COMPLETED, started_at=1.0, finished_at=2.0)
    await fleet.write(over)

    await fleet.run("payments.charge")

    assert await fleet.types() == ["step.started", "step.completed"]
    assert fleet.sample("handlers_missing_total", handler="payments.charge") == 0
    assert await queued(fleet) == 0


@pytest.mark.slow  # thousands of deliveries
async def test_many_waiting_steps_are_offered_at_a_bounded_rate(fleet, served):
    await fleet.worker()
    for n in range(2000):
        await fleet.send(fleet.message("payments.charge", run=f"r{n}"))
    await fleet.clock.advance(20.0)
    before = fleet.sample("handlers_missing_total", handler="payments.charge")

    await fleet.clock.advance(60.0)

    after = fleet.sample("handlers_missing_total", handler="payments.charge")
    assert 3000 < after - before < 6500


async def test_what_is_remembered_of_waiting_steps_has_an_end(fleet, monkeypatch):
    monkeypatch.setattr(unserved, "_REMEMBERED", 3)
    monkeypatch.setattr(unserved, "_HANDLERS", 3)
    worker = await fleet.worker()

    for n in range(9):
        await fleet.run(f"missing{n}", run=f"r{n}")

    known = worker._executor._unserved
    assert (len(known._waiting), len(known._warned)) == (3, 3)


async def test_a_waiting_step_that_could_not_be_reported_is_reported_later(fleet, served, logs):
    fleet.rewire(events=Flaky(fleet.backend.events, publish=[Unavailable("down")]))
    await fleet.worker()
    await fleet.run("payments.charge")
    assert len(logs.having("warning", error="down")) == 1
    assert await fleet.types() == []
    await fleet.clock.advance(2.0)

    assert await fleet.types() == ["step.waiting_handler"]


class TestWithAGrace:
    """Where the settings say that a missing handler fails the attempt in the end."""

    @pytest.fixture
    def settings(self):
        return Settings(lease=30.0, handler_grace=10.0, drain=5.0)

    async def test_a_handler_that_nobody_has_fails_the_attempt_after_the_grace(self, fleet, served):
        await fleet.worker()
        await fleet.run("payments.charge")

        await fleet.clock.advance(9.0)
        assert await fleet.revision() == 0
        await fleet.clock.advance(3.0)

        record = await fleet.record()
        assert record.outcome is Outcome.FAILED
        assert record.error is not None
        assert record.error.type == "HandlerNotFound"
        assert not record.error.retryable
        assert record.error.message == (
            "no step handler found: 'payments.charge' (this worker has: known)"
        )
        reported = ["step.waiting_handler", "step.started", "step.attempt_failed"]
        assert await fleet.types() == reported
        assert await queued(fleet) == 0

    async def test_what_went_through_many_other_hands_gets_the_whole_grace(self, fleet, served):
        held: list[Delivery] = []
        hand = await fleet.backend.steps.consume("default", Priority.NORMAL, held.append)
        hand.grant(20)
        await fleet.run("payments.charge")
        while len(held) < 20:
            await held[-1].nak()
            await settle()
        await hand.stop()
        await held[-1].nak()

        await fleet.worker()
        await fleet.clock.advance(9.0)
        assert await fleet.revision() == 0
        await fleet.clock.advance(3.0)
        assert (await fleet.record()).outcome is Outcome.FAILED

    async def test_the_handlers_that_are_named_have_an_end(self, fleet):
        app = App()
        for n in range(25):
            app.step(f"h{n:02}")(lambda ctx: None)
        await fleet.worker(app)

        await fleet.run("unknown")
        await fleet.clock.advance(15.0)

        error = (await fleet.record()).error
        assert error is not None
        assert error.message.endswith("h18, h19 and 5 more)")

    async def test_a_worker_without_handlers_says_so(self, fleet):
        await fleet.worker(App())

        await fleet.run("unknown")
        await fleet.clock.advance(15.0)

        error = (await fleet.record()).error
        assert error is not None
        assert error.message.endswith("(this worker has: none)")


async def test_messages_of_a_newer_release_are_reported_and_come_ever_more_seldom(
    fleet, served, logs
):
    await fleet.worker()
    for step in ("a", "b"):
        message = fleet.message("known", v=3, step=step)
        await fleet.send_raw(encode(message), message)

    await fleet.clock.advance(50.0)
    reported = len(logs.having("warning", version=3, known=2))
    await fleet.clock.advance(50.0)

    assert reported == 1
    assert len(logs.having("warning", version=3, known=2)) == 2
    lane = fleet.backend.steps._lane("default", "normal")
    assert [message.delivered < 20 for group in lane._groups.values() for message in group] == [
        True,
        True,
    ]


async def test_a_damaged_record_of_a_step_is_named_and_holds_up_nothing_else(fleet, served, logs):
    key = step_key("default", "r1", "s")
    await fleet.backend.runs.put(key, b"{damaged")
    await fleet.worker()

    await fleet.run("known")
    await fleet.run("known", run="r2")
    await fleet.clock.advance(100.0)

    assert served == ["r2"]
    assert logs.tracebacks == []
    assert 3 < len(logs.having("error", error=Containing(key))) < 12

    # And once the bytes are removed, the step runs
    await fleet.backend.runs.purge(key)
    await fleet.clock.advance(300.0)
    assert served == ["r2", "r1"]
