"""Conditions of steps: what is written, and who else may have written by then."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker import EventType, parse
from flowworker.clock import SystemClock
from flowworker.codec.cloudevents import decode_event, settled_event
from flowworker.codec.facts import to_fact
from flowworker.coordinator.steps.judging import Judging
from flowworker.coordinator.steps.refusals import Refusals
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Judge
from flowworker.core.facts import AttemptFailed, Judged, StepSkipped
from flowworker.core.payload import inline
from flowworker.core.records import RunRecord, StepRecord
from flowworker.core.state import initial
from flowworker.core.status import Kind, Outcome, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.errors import Conflict
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from tests.coordinator.support import evaluation_of
from tests.support.histories import bodies

RUN = "r1"
WANTED = Judge("a", Attempt(Kind.RUN, 1, 1), 0)
CLAIM = StepRecord(RUN, "a", Kind.RUN, 1, 1, Outcome.RUNNING, worker="w", lease_until=2e10)


@pytest.fixture
def runs(backend):
    return RunStore(backend.runs)


@pytest.fixture
def judge(backend, metrics):
    stores, clock = stores_of(backend), SystemClock()
    judging = Judging(stores, evaluation_of(stores), Refusals(stores, clock), clock, metrics)
    plan = plan_of(parse("name: w\nsteps: [{id: a, uses: u, queue: q, when: input.n > 1}]\n"))

    async def judge(given: bytes):
        record = RunRecord(RUN, "w", plan.hash, RunStatus.RUNNING, inline(given), 0.0)
        return await judging.judge(plan, initial(plan, record, 1), WANTED)

    return judge


async def published(backend):
    return [decode_event(body) for body in await bodies(backend.events, RUN)]


async def test_what_is_true_writes_nothing(backend, runs, judge):
    assert await judge(b'{"n": 2}') == Judged("a")

    assert await runs.load_step("q", RUN, "a") is None
    assert await published(backend) == []


async def test_what_is_false_is_written_in_place_of_a_claim_and_published(
    backend, runs, judge, metrics
):
    assert await judge(b'{"n": 1}') is None

    record, revision = await runs.load_step("q", RUN, "a")
    assert (record.outcome, record.attempt, record.reason) == ("SKIPPED", WANTED.attempt, "when")
    [event] = await published(backend)
    assert event.type is EventType.STEP_SKIPPED
    assert event.data.reason == "when"
    assert to_fact(event) == StepSkipped("a", revision)
    assert metrics.steps_skipped["w"]._value.get() == 1


async def test_of_two_coordinators_one_writes_and_both_publish_the_same(backend, runs, judge):
    await judge(b'{"n": 1}')
    written = await runs.load_step("q", RUN, "a")

    assert await judge(b'{"n": 1}') is None

    assert await runs.load_step("q", RUN, "a") == written
    assert len(await published(backend)) == 1


@pytest.mark.parametrize("outcome", [Outcome.RUNNING, Outcome.COMPLETED, Outcome.CANCELLED])
async def test_what_somebody_has_claimed_or_fenced_is_not_skipped(runs, judge, outcome):
    await runs.save_step("q", replace(CLAIM, outcome=outcome), 0)

    with pytest.raises(Conflict):
        await judge(b'{"n": 1}')


async def test_what_has_no_value_fails_the_attempt(backend, runs, judge):
    assert await judge(b"{}") is None

    record, _ = await runs.load_step("q", RUN, "a")
    assert record.outcome is Outcome.FAILED
    [event] = await published(backend)
    fact = to_fact(event)
    assert isinstance(fact, AttemptFailed)
    assert (fact.error.type, fact.error.retryable) == ("ExpressionError", False)


def test_what_is_false_after_an_operator_had_it_tried_again_is_so_in_that_turn():
    record = StepRecord(RUN, "a", Kind.RUN, 2, 1, Outcome.SKIPPED, reason="when")

    event = settled_event("flowworker", "w", "", record, 7)

    assert event is not None
    assert to_fact(event) == StepSkipped("a", 7, 2)
