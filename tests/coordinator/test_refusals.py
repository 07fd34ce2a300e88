"""What a run has put out may be more than a step can be given: that ends the step alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_fields
from prometheus_client import CollectorRegistry

from flowworker import App, wiring
from flowworker.clock import SystemClock
from flowworker.coordinator.steps.refusals import Refusals
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Dispatch
from flowworker.core.model import Escalation, Fallback, RetryPolicy, Saga, Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import ErrorInfo, RunRecord, StepRecord
from flowworker.core.state import initial
from flowworker.core.status import Kind, Outcome, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.errors import PayloadTooLarge, Unavailable
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.coordinator.support import coordinated
from tests.support.histories import bodies
from tests.support.waiting import eventually

RUN = "r1"
LARGE = {"text": "x" * 2000}


class Narrow:
    """A queue whose server takes small messages alone, and that of some steps not at all."""

    def __init__(self, steps, limit=1500):
        self._steps = steps
        self.limit = limit
        self.down: set[str] = set()

    async def enqueue(self, address, data, message_id, due=0.0):
        if address.step in self.down:
            raise Unavailable(f"{address.step}: the queue is full")
        if len(data) > self.limit:
            raise PayloadTooLarge(f"{len(data):,} bytes exceed {self.limit:,} bytes")
        await self._steps.enqueue(address, data, message_id, due)

    def __getattr__(self, name):
        return getattr(self._steps, name)


@pytest.fixture
def narrow(backend):
    return replace(backend, steps=Narrow(backend.steps))


def app_of(done):
    app = App()

    @app.step("large")
    def large(ctx):
        return LARGE

    @app.step("small")
    def small(ctx):
        done.append(ctx.step_id)

    @app.step("undo")
    def undo(ctx):
        done.append(f"{ctx.step_id} undone")

    return app


@pytest.fixture
async def done(backend):
    found: list[str] = []
    worker = wiring.make_worker(stores_of(backend), app_of(found), Metrics(CollectorRegistry()))
    await worker.start()
    yield found
    await worker.drain()


def flow(*steps, **options):
    return Workflow("flow", (Step("a", "large"), *steps), **options)


REFUSED: dict[str, tuple[Step, str, list[str]]] = {
    "fails": (Step("b", "small", ("a",)), "FAILED", []),
    "is not tried again": (
        Step("b", "small", ("a",), retry=RetryPolicy(max_attempts=5)),
        "FAILED",
        [],
    ),
    "is undone": (Step("b", "small", ("a",), saga=Saga("undo")), "FAILED", []),
}


@pytest.mark.parametrize(("step", "status", "ran"), REFUSED.values(), ids=REFUSED)
async def test_a_step_that_cannot_be_given_its_input_fails(narrow, client, done, step, status, ran):
    await client.register(flow(step))
    coordinator = await coordinated(narrow)

    await client.start("flow", run_id=RUN)
    result = await client.result(RUN, 5)
    record = await RunStore(narrow.runs).load_step("default", RUN, "b")
    await coordinator.stop()

    assert (result.status, done) == (status, ran)
    assert "PayloadTooLarge" in result.error
    assert "1,500 bytes" in result.error
    assert record is not None
    assert record[0].number == 1


async def test_its_fallback_and_then_a_human_are_asked(narrow, client, done):
    step = Step("b", "small", ("a",), fallback=Fallback("small"), escalation=Escalation())
    await client.register(flow(step))
    coordinator = await coordinated(narrow)

    await client.start("flow", run_id=RUN)
    await eventually(lambda: _waits(client))
    await client.resume(RUN, "complete", output={"by": "hand"})
    result = await client.result(RUN, 5)
    types = [event["type"].removeprefix("workflow.") async for event in _history(client)]
    await coordinator.stop()

    assert (result.status, result.output) == ("COMPLETED", {"b": {"by": "hand"}})
    assert types.count("step.attempt_failed") == 2
    assert "step.fallback" in types


async def _waits(client):
    return (await client.status(RUN)).status == "WAITING_HUMAN"


async def _history(client):
    for event in await client.history(RUN):
        yield event


async def test_a_compensation_that_cannot_be_given_its_input_does_not_stop_the_saga(
    narrow, client, done
):
    # Given a run that fails after a step with a small output and one with a large output
    steps = (
        Step("first", "small", saga=Saga("undo")),
        Step("a", "large", ("first",), saga=Saga("undo", is_critical=True)),
        Step("b", "small", ("a",)),
    )
    await client.register(Workflow("flow", steps))
    coordinator = await coordinated(narrow)

    await client.start("flow", run_id=RUN)
    result = await client.result(RUN, 5)
    record = await RunStore(narrow.runs).load_step("default", RUN, "a")
    await coordinator.stop()

    assert result.status == "FAILED"
    assert result.failed_compensations == ("a",)
    assert result.needs_attention
    assert done == ["first", "first undone"]
    assert record is not None
    assert (record[0].kind, record[0].outcome) == (Kind.COMPENSATE, Outcome.FAILED)
    assert record[0].output is not None
    assert record[0].completed > 0


@pytest.mark.parametrize("action", ["cancel", "terminate"])
async def test_a_run_is_stopped_though_a_step_of_it_cannot_be_enqueued(
    narrow, client, done, action
):
    await client.register(flow(Step("b", "small", ("a",))))
    narrow.steps.down.add("b")
    coordinator = await coordinated(narrow)
    await client.start("flow", run_id=RUN)
    await eventually(lambda: _is_done(narrow, "a"))

    await getattr(client, action)(RUN)
    result = await client.result(RUN, 5)
    await coordinator.stop()

    assert result.status == "CANCELLED"
    assert done == []


async def _is_done(backend, step):
    found = await RunStore(backend.runs).load_step("default", RUN, step)
    return found is not None and found[0].outcome is Outcome.COMPLETED


async def test_a_run_times_out_though_a_step_of_it_cannot_be_enqueued(narrow, client, done):
    await client.register(flow(Step("b", "small", ("a",)), timeout=0.3))
    narrow.steps.down.add("b")
    coordinator = await coordinated(narrow)

    await client.start("flow", run_id=RUN)
    result = await client.result(RUN, 5)
    await coordinator.stop()

    assert result.status == "FAILED"
    assert "timed out" in result.error


CLAIM = StepRecord(RUN, "a", Kind.RUN, 1, 1, Outcome.RUNNING, worker="w", lease_until=2e10)
ENDED = replace_fields(CLAIM, outcome=Outcome.FAILED, error=ErrorInfo("Broken", "it broke"))


@pytest.fixture
def refusals(backend):
    return Refusals(stores_of(backend), SystemClock())


@pytest.fixture
def run():
    plan = plan_of(flow())
    record = RunRecord(RUN, "flow", plan.hash, RunStatus.RUNNING, EMPTY, 0.0)
    return plan, initial(plan, record, 1)


WANTED = Dispatch("a", Attempt(Kind.RUN, 1, 1), 0)
WHY = PayloadTooLarge("too much")


async def test_an_attempt_that_somebody_has_claimed_is_left_to_them(backend, refusals, run):
    """As when its message was enqueued, and the one that is refused is a repetition."""
    runs = RunStore(backend.runs)
    await runs.save_step("default", CLAIM, 0)

    await refusals.refuse(*run, WANTED, WHY)

    found = await runs.load_step("default", RUN, "a")
    assert found is not None
    assert found[0] == CLAIM
    assert await bodies(backend.events, RUN) == []


async def test_an_attempt_that_is_over_is_reported_again(backend, refusals, run):
    await RunStore(backend.runs).save_step("default", ENDED, 0)

    await refusals.refuse(*run, WANTED, WHY)

    [event] = await bodies(backend.events, RUN)
    assert b"it broke" in event


async def test_nothing_is_refused_upon_a_stale_answer(backend, refusals, run):
    wanted = replace_fields(WANTED, revision=7)

    with pytest.raises(Unavailable, match="stale"):
        await refusals.refuse(*run, wanted, WHY)
