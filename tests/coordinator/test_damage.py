"""What becomes of a fleet if something that it has stored is damaged: one thing of each kind.

Each world has one run that is active when that happens, and others that come later, also to a
coordinator that takes over and knows nothing yet. Damaged leases are in `integration/contract`,
step messages in `tests/worker/test_messages.py`, payloads in `tests/worker/test_step_payloads.py`,
names of workflows in `test_starts.py`, timers in `test_inbox.py`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from flowworker import App
from flowworker.client import Client
from flowworker.codec.json import encode
from flowworker.coordinator import Coordinator
from flowworker.core.event_types import EventType
from flowworker.core.status import RunStatus
from flowworker.definitions import parse
from flowworker.memory import memory_backend
from flowworker.settings import Settings
from flowworker.stores.definitions import DefinitionStore
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from flowworker.worker.worker import Worker
from tests.support.waiting import advance_until

PAIR = parse("name: pair\nsteps: [{id: a, uses: gated}, {id: b, uses: free, depends_on: [a]}]")
BAD, GOOD, LATER = "bad", "good", "later"
LONG = 1800.0
SELDOM = 40
"""Lines in that time, of all who have to do with it."""


class World:
    """A fleet in memory, in which the first step of one run waits at a gate."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.settings = Settings(lease=30.0, drain=1.0, inline_limit=1_024, message_limit=4_096)
        self.backend = memory_backend(settings=self.settings, clock=self.clock, partitions=2)
        self.client = Client(stores_of(self.backend, self.settings))
        self.runs = RunStore(self.backend.runs)
        self.app = App()
        self.gate = asyncio.Event()
        self.metrics = Metrics(CollectorRegistry())
        self.coordinators: list[Coordinator] = []
        self.worker = Worker(
            stores_of(self.backend, self.settings), self.app, self.clock, metrics=self.metrics
        )

        @self.app.step("gated")
        async def gated(ctx):
            if ctx.run_id == BAD:
                await self.gate.wait()
            await ctx.emit("noted", {"by": ctx.run_id})

        @self.app.step("free")
        async def free(ctx):
            return {"done": True}

    async def coordinate(self) -> None:
        name = f"c{len(self.coordinators)}"
        made = Coordinator(stores_of(self.backend, self.settings), self.clock, name, self.metrics)
        self.coordinators.append(made)
        await made.start()

    async def take_over(self) -> None:
        """Another coordinator has it all, and knows nothing but what is stored."""
        await self.stop(self.coordinators[-1].stop())
        await self.coordinate()

    async def stop(self, stopping) -> None:
        task = asyncio.ensure_future(stopping)
        await advance_until(self.clock, task.done)
        await task

    async def status(self, run: str) -> RunStatus:
        found = await self.runs.load(run)
        assert found is not None, f"{run} has no record"
        return found[0].status


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await DefinitionStore(world.backend.definitions).register(PAIR)
    await world.coordinate()
    await world.worker.start()
    yield world
    world.gate.set()
    await world.stop(world.worker.drain())
    await world.stop(world.coordinators[-1].stop())
    world.client.close()
    await world.backend.close()


async def run_record(world, _taken_over):
    await world.backend.runs.put("run.bad", b"{damaged")
    return "run.bad"


async def another_runs_record(world, _taken_over):
    found = await world.runs.load(BAD)
    await world.backend.runs.put("run.bad", encode(replace(found[0], run="other")))
    return "run.bad"


async def step_record(world, _taken_over):
    await world.backend.runs.put("step.default.bad.a", b"")
    return "step.default.bad.a"


async def definition(world, taken_over):
    record, _ = await world.runs.load(BAD)
    await world.backend.definitions.put(f"def.{record.definition}", b"[]")
    # Others go on with one of their own
    await DefinitionStore(world.backend.definitions).register(replace(PAIR, version="v2"))
    return "stored definition" if taken_over else ""  # else it has been read before


async def entries_of_the_index(world, _taken_over):
    for key in ("index.RUNNING.alone", "index.NONSENSE.pair.bad", "index.RUNNING.pair.nobody"):
        await world.backend.runs.put(key, b"\xff")
    return ""


async def a_mark_of_an_emit(world, _taken_over):
    await world.backend.runs.put("emit.default.bad.noted", b"\xff")
    return ""


async def event_in_the_history(world, _taken_over):
    await world.backend.events.publish(BAD, EventType.STEP_COMPLETED, b"{damaged", "foreign")
    return f".{BAD}."


async def event_of_nobody(world, _taken_over):
    await world.backend.events.publish("nobody", EventType.STEP_COMPLETED, b'{"id": 7}', "foreign")
    return ".nobody."


DAMAGE = [
    run_record,
    another_runs_record,
    step_record,
    definition,
    entries_of_the_index,
    a_mark_of_an_emit,
    event_in_the_history,
    event_of_nobody,
]


@pytest.mark.slow  # half an hour of a fleet for each
@pytest.mark.parametrize("taken_over", [False, True], ids=["lives_on", "taken_over"])
@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_fleet_lives_on_and_names_what_is_damaged(world, damage, taken_over, logs):
    # Given a run that is active
    await world.client.start("pair", {}, run_id=BAD)
    await world.clock.advance(2.0)
    assert await world.status(BAD) is RunStatus.RUNNING

    # When something is damaged, and time passes
    named = await damage(world, taken_over)
    if taken_over:
        await world.take_over()
    await world.client.start("pair", {}, run_id=GOOD)
    world.gate.set()
    await world.clock.advance(LONG)
    await world.client.start("pair", {}, run_id=LATER)
    await world.clock.advance(60.0)

    # Then all others end
    assert await world.status(GOOD) is RunStatus.COMPLETED
    assert await world.status(LATER) is RunStatus.COMPLETED

    # And it is named, without a traceback, and nobody circles
    loud = logs.at("warning", "error", "critical")
    fields = [f"{line.get('subject')}: {line['error']}" for line in loud]
    assert any(named in text for text in fields) == bool(named), fields[:5]
    assert len(loud) < SELDOM, Counter(text[:90] for text in fields)
    assert logs.tracebacks == []
    if not named:
        assert await world.status(BAD) is RunStatus.COMPLETED
