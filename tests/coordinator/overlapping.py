"""Runs in memory whose step messages, and places under limits, take as long as a test wants."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry

from flowworker.codec.cloudevents import run_started_event
from flowworker.codec.senders import Published
from flowworker.coordinator.driving.active import ActiveRuns
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Dispatch
from flowworker.core.facts import RunStarted, StepCompleted
from flowworker.core.ids import COORDINATOR
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import Kind, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from tests.coordinator.support import shared_of

PAIRS = Workflow(
    "pairs",
    tuple(
        Step(f"{name}{at}", "any", (f"{name}1",) if at == 2 else ())
        for name in "abc"
        for at in (1, 2)
    ),
)
RUN = "r1"


class SlowHands:
    """Effects that write down when they begin and end; step messages wait until they may."""

    def __init__(self):
        self.log = []
        self.may = asyncio.Event()
        self.error = None

    async def perform(self, live, commands):
        about = ", ".join(getattr(one, "step", type(one).__name__) for one in commands)
        self.log.append(f"begin {about}")
        if all(isinstance(command, Dispatch) for command in commands):
            await self.may.wait()
            if self.error is not None:
                raise self.error
        self.log.append(f"end {about}")


class SlowSlots:
    """Has every step give a place back, which takes until it may, or fails."""

    def __init__(self):
        self.used = False
        self.may = asyncio.Event()
        self.error = None

    def over(self, plan, state, fact):
        return asyncio.create_task(self._give_back()) if self.used else None

    async def _give_back(self):
        await self.may.wait()
        if self.error is not None:
            raise self.error


async def begun(runs, record):
    event = Published(COORDINATOR, run_started_event("ns", record, 1), 0.0)
    return await runs.view(record.run, event, generation=0, redelivered=False)


async def runs_of(backend, hands, slots):
    """A run that has just begun, in memory; from now on its step messages wait."""
    stores = stores_of(backend)
    await stores.definitions.register(PAIRS)
    record = RunRecord(RUN, "pairs", plan_of(PAIRS).hash, RunStatus.RUNNING, EMPTY, 0.0)
    runs = ActiveRuns(
        stores,
        shared_of(stores, hands)._replace(slots=slots),
        lambda: 1,
        lambda _run: False,
        ManualClock(),
        Metrics(CollectorRegistry()),
    )
    hands.may.set()
    await runs.follow(await begun(runs, record), RunStarted())
    hands.may.clear()
    hands.log.clear()
    return runs


def completed(step):
    return StepCompleted(step, Attempt(Kind.RUN, 1, 1), EMPTY, 5)


async def following(runs, fact):
    """What has followed a fact as far as the next one may be followed."""
    passed = asyncio.Event()
    task = asyncio.create_task(runs.follow(runs.get(RUN), fact, passed.set))
    await passed.wait()
    return task


async def settled():
    for _ in range(20):
        await asyncio.sleep(0)
