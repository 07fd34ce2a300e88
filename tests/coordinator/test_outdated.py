"""Whoever is connected to a leader that was deposed sees the past, and does not act upon it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from flowworker import App, wiring
from flowworker.client import Client
from flowworker.core.model import Step, Workflow
from flowworker.core.status import Priority
from flowworker.errors import Unavailable
from flowworker.ports import StepAddress
from flowworker.settings import Settings
from flowworker.telemetry.metrics import Metrics
from flowworker.testing.simulation.past import records_now

STEPS = (Step("a", "one"), Step("b", "two", depends_on=("a",)))
RUN = "r1"
ADDRESS = StepAddress("default", Priority.NORMAL, RUN, "a")


class Deposed:
    """Records as they were; nothing is written until the network is whole again."""

    def __init__(self, records):
        self._records = records
        self._past = None

    async def cut_off(self):
        self._past = await records_now(self._records)

    def heal(self):
        self._past = None

    async def read(self, key):
        return await self._records.read(key) if self._past is None else self._past.read(key)

    async def keys(self, pattern):
        return await self._records.keys(pattern) if self._past is None else self._past.keys(pattern)

    def __getattr__(self, name):
        if self._past is not None:
            raise Unavailable(f"{name}: no quorum")
        return getattr(self._records, name)


@pytest.fixture
async def backend():
    async with wiring.memory(partitions=1) as backend:
        yield backend


@pytest.fixture
async def deposed(backend):
    return Deposed(backend.runs)


@pytest.fixture
def client(backend):
    client = Client(backend)
    yield client
    client.close()


async def coordinated(backend):
    coordinator = wiring.make_coordinator(backend, Settings(), Metrics(CollectorRegistry()))
    await coordinator.start()
    return coordinator


async def worked(backend, seen):
    app = App()

    @app.step("one")
    def one(ctx):
        return {"n": 1}

    @app.step("two")
    def two(ctx):
        seen.append(ctx.input)

    worker = wiring.make_worker(backend, app, Settings(), Metrics(CollectorRegistry()))
    await worker.start()
    return worker


async def until(condition):
    async with asyncio.timeout(5):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def has_told(backend, event_type):
    return event_type in b" ".join(await backend.events.history(RUN))


@pytest.mark.parametrize("cut", ["before the start", "before the end of a step"])
async def test_a_result_that_the_records_do_not_show_waits_until_they_do(
    backend, client, deposed, cut
):
    # Given a step that was completed and told, whose successor nobody has enqueued
    seen: list[dict[str, object]] = []
    await client.register(Workflow("two", STEPS))
    if cut == "before the start":
        await deposed.cut_off()
    first = await coordinated(backend)
    await client.start("two", run_id=RUN)
    await until(lambda: backend.steps.queued(ADDRESS))
    await first.stop()
    if cut != "before the start":
        await deposed.cut_off()
    worker = await worked(backend, seen)
    await until(lambda: has_told(backend, b"workflow.step.completed"))

    # When a coordinator takes over that sees the past
    second = await coordinated(replace(backend, runs=deposed))
    await asyncio.sleep(0.2)

    # Then it leaves the result alone, until it sees the present
    assert await backend.steps.queued(ADDRESS) == []
    assert seen == []
    deposed.heal()
    assert (await client.result(RUN, 5)).status == "COMPLETED"
    assert seen[0]["a"] == {"n": 1}
    await second.stop()
    await worker.drain()


async def test_a_timeout_of_a_run_that_is_not_seen_yet_is_not_lost(backend, client, deposed):
    await client.register(Workflow("two", STEPS, timeout=0.3))
    await deposed.cut_off()
    first = await coordinated(backend)
    await client.start("two", run_id=RUN)
    await until(lambda: backend.steps.queued(ADDRESS))
    await first.stop()

    second = await coordinated(replace(backend, runs=deposed))
    await asyncio.sleep(0.5)
    assert not await has_told(backend, b"workflow.timed_out")
    deposed.heal()

    assert (await client.result(RUN, 5)).status == "FAILED"
    assert await has_told(backend, b"workflow.timed_out")
    await second.stop()
