"""What it costs to look after runs that wait: counted, not timed."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from flowworker.client import Client
from flowworker.coordinator import Coordinator, service
from flowworker.coordinator.driving import recovery
from flowworker.core.model import Step, Workflow
from flowworker.core.status import Priority
from flowworker.memory import memory_backend
from flowworker.ports import StepAddress
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from tests.support.faults import Flaky

FLOW = Workflow("one", (Step("a", "any"),))
SETTINGS = Settings(sweep=100.0, lease=1000.0, partition_lease=1000.0)
RUNS = 64


class Backlog:
    """A coordinator, its clock, and runs whose steps wait for a worker."""

    def __init__(self):
        self.clock = ManualClock()
        backend = memory_backend(settings=SETTINGS, clock=self.clock, partitions=2)
        self.events, self.steps = Flaky(backend.events), Flaky(backend.steps)
        self.backend = replace(backend, events=self.events, steps=self.steps)
        self.coordinators: list[Coordinator] = []

    async def begin(self, name):
        metrics = Metrics(CollectorRegistry())
        coordinator = Coordinator(stores_of(self.backend, SETTINGS), self.clock, name, metrics)
        await coordinator.start()
        self.coordinators.append(coordinator)
        await self.clock.advance(1.0)

    async def start(self, count):
        client = Client(stores_of(self.backend))
        await client.register(FLOW)
        for number in range(count):
            await client.start("one", run_id=f"r{number:03}")
        await self.clock.advance(1.0)
        client.close()
        assert len(await self.backend.steps.backlog()) == count

    async def lose(self, *runs):
        for run in runs:
            await self.backend.steps.drop(run)

    async def queued(self, run):
        address = StepAddress("default", Priority.NORMAL, run, "a")
        return len(await self.backend.steps.queued(address))

    def count(self):
        """Calls since the last time."""
        counts = Counter(name for port in (self.events, self.steps) for name, _ in port.calls)
        for port in (self.events, self.steps):
            port.calls.clear()
        return counts


@pytest.fixture
async def backlog():
    backlog = Backlog()
    yield backlog
    for coordinator in backlog.coordinators:
        await coordinator.stop()
    await backlog.backend.close()


async def test_runs_that_wait_for_a_worker_are_not_rebuilt(backlog):
    # Given runs whose steps wait
    await backlog.begin("c")
    await backlog.start(RUNS)
    await backlog.clock.advance(SETTINGS.sweep)
    backlog.count()

    # When they are looked after for long
    sweeps = 16
    for _ in range(sweeps):
        await backlog.clock.advance(SETTINGS.sweep)
    counts = backlog.count()

    # Then one listing at a time is all it costs, but that each is looked at once in 32 times
    assert counts["backlog"] == sweeps
    assert counts["history"] == RUNS * sweeps // 32
    assert counts["enqueue"] == 0


async def test_of_a_large_backlog_a_few_are_rebuilt_at_a_time(backlog, monkeypatch):
    monkeypatch.setattr(recovery, "DEEP_LOOKS", 1)
    await backlog.begin("c")
    await backlog.start(RUNS)
    await backlog.clock.advance(SETTINGS.sweep)
    backlog.count()

    for _ in range(8):
        await backlog.clock.advance(SETTINGS.sweep)

    assert backlog.count()["history"] == 8


async def test_a_run_that_lost_its_message_is_rebuilt_soon(backlog):
    await backlog.begin("c")
    await backlog.start(RUNS)
    await backlog.lose("r007")

    await backlog.clock.advance(2 * SETTINGS.sweep)

    assert await backlog.queued("r007") == 1


async def test_a_takeover_rebuilds_some_of_many(backlog, monkeypatch):
    # Given a backlog that nobody drives, and a run in it that has lost its message
    monkeypatch.setattr(recovery, "LOOKS", 5)
    await backlog.begin("first")
    await backlog.start(RUNS)
    await backlog.coordinators.pop().stop()
    await backlog.lose("r007")
    backlog.count()

    # When somebody takes it over
    await backlog.begin("second")

    # Then that run is helped at once, and of the others a few are looked at
    counts = backlog.count()
    assert await backlog.queued("r007") == 1
    assert counts["history"] == 1 + 5


async def test_few_are_rebuilt_at_a_time_and_fewer_while_nobody_answers(backlog):
    # Given runs that have all lost their messages, and histories that cannot be read
    await backlog.begin("c")
    await backlog.start(RUNS)
    await backlog.lose(*(f"r{number:03}" for number in range(RUNS)))
    backlog.events.scripts["history"] = ["before"] * 10_000
    backlog.count()

    # When they are to be rebuilt, for as long as a sweep may take
    await backlog.clock.advance(2 * SETTINGS.sweep)

    # Then the pauses between them grow; and they are all rebuilt when it works again
    tries = backlog.count()["history"]
    assert 4 <= tries < RUNS
    backlog.events.scripts.clear()
    await backlog.clock.advance(40 * SETTINGS.sweep)
    assert len(await backlog.backend.steps.backlog()) == RUNS


async def test_all_partitions_together_rebuild_a_bounded_number_at_a_time(backlog, monkeypatch):
    # Given runs of which something is to be done after a takeover, and somebody who counts
    monkeypatch.setattr(service, "_REBUILDS", 3)
    monkeypatch.setattr(recovery, "_TOGETHER", 50)
    await backlog.begin("first")
    await backlog.start(RUNS)
    await backlog.coordinators.pop().stop()
    inflight = most = 0

    async def slow(*_):
        nonlocal inflight, most
        inflight += 1
        most = max(most, inflight)
        await asyncio.sleep(0)
        inflight -= 1

    backlog.events.scripts["history"] = [slow] * RUNS

    await backlog.begin("second")
    await backlog.clock.advance(10.0)

    assert most == 3
    assert backlog.count()["history"] == RUNS
