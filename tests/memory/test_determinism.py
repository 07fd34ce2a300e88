"""The same calls give the same deliveries in the same order, whatever the process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowworker.core.status import Priority
from flowworker.memory import memory_backend
from flowworker.ports import StepAddress
from flowworker.settings import Settings
from flowworker.testing import ManualClock

ROOT = Path(__file__).parents[2]


async def scenario() -> list[tuple[object, ...]]:
    """Several consumers, naks, expiries, timers, leases and events, all at the same moments."""
    clock = ManualClock()
    backend = memory_backend("ns", settings=Settings(lease=10.0), clock=clock, partitions=3)
    published: list[tuple[object, ...]] = []
    tasks: list[asyncio.Task[None]] = []

    def taker(name):
        def take(delivery):
            published.append(
                (clock.now(), name, delivery.subject, delivery.order, delivery.delivered)
            )
            if delivery.sequence % 3 == 0:
                tasks.append(asyncio.create_task(delivery.nak(delivery.delivered * 2.0)))
            elif delivery.sequence % 3 == 1:
                tasks.append(asyncio.create_task(delivery.ack()))

        return take

    for name in ("a", "b", "c"):
        lane = await backend.steps.consume("default", Priority.NORMAL, taker(f"steps-{name}"))
        lane.grant(7)
        (await backend.timers.consume(taker(f"timers-{name}"))).grant(4)
    for partition in range(3):
        (await backend.events.consume(partition, taker(f"facts-{partition}"))).grant(9)
    for pattern in ("ns.workflow.>", "ns.event.*.run-2.>", ">"):
        await backend.notifier.subscribe(
            pattern,
            lambda *events, pattern=pattern: published.append((clock.now(), pattern, *events)),
        )

    async def run(number):
        run = f"run-{number}"
        for i in range(4):
            address = StepAddress("default", Priority.NORMAL, run, f"s{i}")
            await backend.steps.enqueue(address, b"", f"{run}/{i}", clock.now() + i * (number % 2))
            await backend.events.publish(run, "workflow.started", b"", f"{run}/{i}")
            await clock.sleep(1)
        await backend.timers.set(run, "timeout", clock.now() + 5)
        published.append((run, await backend.leases.acquire("lock.x", run, 3)))
        published.append((run, *sorted(await backend.runs.keys("run.*"))))
        await backend.runs.put(f"run.{run}", b"")

    runs = [asyncio.create_task(run(number)) for number in range(6)]
    await clock.advance(60)
    await asyncio.gather(*runs, *tasks)
    await backend.close()
    return published


async def test_the_same_calls_give_the_same_deliveries():
    first = await scenario()

    assert len(first) > 100
    assert await scenario() == first


@pytest.mark.slow
async def test_nothing_depends_on_the_hashes_of_strings():
    # Given two processes in which strings have other hashes
    code = "import asyncio\nfrom tests.memory.test_determinism import scenario\n"
    code += "print(asyncio.run(scenario()))"
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code),
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        for seed in ("1", "2")
    ]

    # When both do the same, then the same happens in both
    outputs = [(await process.communicate())[0].decode() for process in processes]
    assert outputs[0] == outputs[1]
    assert outputs[0].strip() == str(await scenario())
