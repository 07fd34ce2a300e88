"""Steps that are repeated: what is written after an iteration, and who else may have by then."""

from __future__ import annotations

import pytest

from flowworker import EventType, parse
from flowworker.codec.cloudevents import decode_event
from flowworker.codec.facts import to_fact
from flowworker.coordinator.steps.repeating import Repeating
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Repeat
from flowworker.core.facts import Repeated, StepCompleted
from flowworker.core.payload import inline
from flowworker.core.records import RunRecord, StepRecord
from flowworker.core.state import initial
from flowworker.core.status import Kind, Outcome, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.errors import Conflict, Unavailable
from flowworker.evaluation.terms import Terms
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.testing import ManualClock
from tests.coordinator.support import evaluation_of, values_of
from tests.support.histories import bodies

RUN = "r1"
ENDED = 100.0
BUSY, DONE = inline(b'{"done": false}'), inline(b'{"done": true}')
STEP = "name: w\nsteps: [{id: a, uses: u, queue: q, repeat: {until: %s, %s}}]\n"


def record(output=BUSY, iteration: int = 1, outcome: Outcome = Outcome.ITERATED) -> StepRecord:
    return StepRecord(
        RUN, "a", Kind.RUN, 1, 1, outcome, output=output, iteration=iteration, finished_at=ENDED
    )


@pytest.fixture
def runs(backend):
    return RunStore(backend.runs)


@pytest.fixture
def judge(backend, runs):
    """Ask about a record that is kept.

    The coordinator knows `known`, its revision, and asks about the attempt `asked`.
    """
    stores = stores_of(backend)
    values = values_of(stores)
    evaluation = evaluation_of(stores)
    repeating = Repeating(stores, evaluation, values, Terms(evaluation), ManualClock())

    async def judge(found: StepRecord, until: str, also: str = "max: 3", *, known=None, asked=None):
        revision = await runs.save_step("q", found, 0)
        plan = plan_of(parse(STEP % (until, also)))
        run = run_of(plan.hash)
        state = initial(plan, run, 1).with_step("a", output=found.output, attempt=found.attempt)
        known = revision if known is None else known
        attempt = asked or found.attempt
        return await repeating.judge(plan, state, Repeat("a", attempt, known, ENDED))

    return judge


def run_of(definition: str) -> RunRecord:
    return RunRecord(RUN, "w", definition, RunStatus.RUNNING, inline(b'{"pause": "1m"}'), 0.0)


async def published(backend):
    return [decode_event(body) for body in await bodies(backend.events, RUN)]


@pytest.mark.parametrize(
    ("also", "due"),
    [
        ("max: 3", ENDED + 1),
        ("interval: 10s", ENDED + 10),
        ("interval: 0", ENDED),
        ('interval: "${input.pause}"', ENDED + 60),
    ],
)
async def test_that_it_runs_again_is_written_nowhere(backend, runs, judge, also, due):
    assert await judge(record(), "output.done", also) == Repeated("a", record().attempt, due)

    assert (await runs.load_step("q", RUN, "a"))[0] == record()
    assert await published(backend) == []


@pytest.mark.parametrize("until", ["output.done", "iterations == 2"])
async def test_the_last_iteration_completes_the_step(backend, runs, judge, until):
    assert await judge(record(DONE, 2), until) is None

    found, revision = await runs.load_step("q", RUN, "a")
    assert found == record(DONE, 2, Outcome.COMPLETED)
    [event] = await published(backend)
    assert (event.type, event.data.iteration) == (EventType.STEP_COMPLETED, 2)
    assert to_fact(event) == StepCompleted("a", Attempt(Kind.RUN, 1, 1, 2), DONE, revision)


@pytest.mark.parametrize(
    ("until", "also", "error"),
    [
        ("output.done", "max: 3", "RepeatLimit: 'until' did not hold after 3 iterations"),
        ("output.gone", "max: 4", "ExpressionError: 'output.gone': output has no 'gone'"),
        ("output.done", 'interval: "${input.pause + 1}"', "ExpressionError: "),
        ("output", "max: 4", "ExpressionError: 'output': expected true or false, found {"),
    ],
)
async def test_otherwise_its_attempt_has_failed(backend, runs, judge, until, also, error):
    assert await judge(record(iteration=3), until, also) is None

    found, _ = await runs.load_step("q", RUN, "a")
    assert (found.outcome, found.attempt) == (Outcome.FAILED, record(iteration=3).attempt)
    assert str(found.error).startswith(error)
    assert not found.error.retryable
    [event] = await published(backend)
    assert event.type is EventType.STEP_ATTEMPT_FAILED


async def test_what_another_coordinator_has_written_is_published_again(backend, runs, judge):
    assert await judge(record(DONE, 1, Outcome.COMPLETED), "output.done") is None

    [event] = await published(backend)
    assert event.type is EventType.STEP_COMPLETED


async def test_a_step_that_runs_again_is_not_ended(judge):
    later = record(DONE, 2, Outcome.RUNNING)

    with pytest.raises(Conflict):
        await judge(later, "output.done", asked=record(DONE).attempt)


async def test_an_answer_that_is_older_than_what_is_known_says_nothing(judge):
    with pytest.raises(Unavailable):
        await judge(record(DONE), "output.done", known=1000)
