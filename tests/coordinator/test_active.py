"""A run in memory is believed only as long as all that it says was done."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from flowworker.codec.cloudevents import run_started_event
from flowworker.codec.history import Told
from flowworker.coordinator.active import ActiveRuns
from flowworker.core.events import CancelRequested, RunStarted
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus
from flowworker.definitions.content import plan_of
from flowworker.errors import Conflict, Unavailable
from flowworker.stores.definitions import DefinitionStore
from flowworker.stores.runs import RunStore
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from tests.backends import memory

FLOW = Workflow("two", (Step("a", "any"), Step("b", "any", depends_on=("a",))))
RUN = "r1"


class Hands:
    """Effects that fail when they are told to."""

    def __init__(self):
        self.error: BaseException | None = None

    async def told(self, run):
        return Told([])

    async def retell(self, record, steps, told):
        pass

    async def perform(self, active, commands, *, told=None):
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
