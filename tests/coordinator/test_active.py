"""A run in memory is believed only as long as all that it says was done."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from flowworker.codec.cloudevents import run_started_event
from flowworker.coordinator.active import Active, ActiveRuns
from flowworker.coordinator.history import History
from flowworker.core.facts import CancelRequested, RunStarted
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord, Stop, StopReason
from flowworker.core.state import initial
from flowworker.core.status import RunStatus
from flowworker.definitions.content import plan_of
from flowworker.errors import Conflict, Unavailable
from flowworker.stores.definitions import DefinitionStore
from flowworker.stores.runs import RunStore
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from tests.support.backends import memory

FLOW = Workflow("two", (Step("a", "any"), Step("b", "any", depends_on=("a",))))
RUN = "r1"


class Hands:
    """Effects that fail when they are told to."""

    def __init__(self):
        self.error: BaseException | None = None

    async def history(self, run):
        return History([])

    async def publish_missing(self, record, steps, history):
        pass

    async def perform(self, active, commands, *, history=None):
        if self.error is not None:
            raise self.error


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
async def runs(hands):
    async with memory(partitions=1) as backend:
        definitions, records = DefinitionStore(backend.definitions), RunStore(backend.runs)
        await definitions.register(FLOW)
        record = RunRecord(RUN, "two", plan_of(FLOW).hash, RunStatus.RUNNING, EMPTY, 0.0)
        revision = await records.save(record, 0)
        metrics = Metrics(CollectorRegistry())
        runs = ActiveRuns(
            records,
            definitions,
            hands,
            ManualClock(),
            metrics,
            asyncio.Semaphore(1),
            lambda: 10,
            lambda run: False,
        )
        active = await runs.begin(run_started_event("ns", record, revision), 0)
        await runs.follow(active, RunStarted())
        yield runs


@pytest.mark.parametrize(
    "error", [Unavailable("away"), Conflict("late"), asyncio.CancelledError(), ValueError("defect")]
)
async def test_a_run_whose_effects_failed_is_forgotten(runs, hands, error):
    active = runs.get(RUN)
    hands.error = error

    with pytest.raises(type(error)):
        await runs.follow(active, CancelRequested("why"))
    assert runs.get(RUN) is None

    with pytest.raises(type(error)):
        await runs.load(RUN, 0)
    assert len(runs) == 0

    hands.error = None
    assert (await runs.load(RUN, 0)).state.record.stop is None
    assert len(runs) == 1


async def test_a_run_that_is_gone_is_not_loaded(runs):
    assert await runs.load("gone", 0) is None


async def test_nothing_passes_what_is_more_than_step_messages(runs):
    passed = []

    assert await runs.follow(runs.get(RUN), CancelRequested("why"), lambda: passed.append(1))

    assert passed == []


def held(*, stopped=False, inflight=()):
    """A run in memory as its coordinator has it."""
    plan = plan_of(FLOW)
    stop = Stop(StopReason.CANCELLED) if stopped else None
    record = RunRecord(RUN, "two", plan.hash, RunStatus.RUNNING, EMPTY, 0.0, stop=stop)
    state = initial(plan, record, 1)
    for step in inflight:
        state = replace(state, inflight=state.inflight.set(step, None))
    return Active(plan, state, 0, 0.0)


def test_step_messages_that_are_being_enqueued_move_a_run_on():
    active = held()
    with active.inflight.one():
        assert active.moves_on(())
    assert not active.moves_on(())


async def test_a_delayed_dispatch_moves_a_run_on_until_it_is_done():
    active, due = held(), asyncio.Event()
    task = asyncio.create_task(due.wait())
    active.delayed.add(task)
    assert active.moves_on(())

    due.set()
    await task

    assert not active.moves_on(())


def test_a_message_moves_a_run_on_unless_its_step_is_fenced():
    assert held(inflight=["a"]).moves_on(["a"])
    assert not held(inflight=["a"]).moves_on(["b"])
    assert not held(inflight=["a"], stopped=True).moves_on(["a"])
