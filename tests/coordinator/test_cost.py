"""What a step costs in stored messages does not depend on how large its run is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from flowworker import App
from flowworker.client import Client
from flowworker.clock import SystemClock
from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.worker.worker import Worker
from tests.coordinator.support import coordinated
from tests.support.backends import memory
from tests.support.faults import Flaky
from tests.support.waiting import WAIT_LIMIT

WIDTH = 10
STORED = {"enqueue", "publish", "put", "send", "set", "write"}
"""Calls of which each stores a message on a server."""
PORTS = ("runs", "payloads", "steps", "events", "commands", "timers")
QUIET = Settings(sweep=3600.0, lease=3600.0)
"""A slow machine is not to renew or look after anything."""


def layered(steps: int) -> Workflow:
    """Layers of ten steps, each of which depends on two of the layer before."""
    return Workflow(
        "layered",
        tuple(
            Step(
                f"s{layer}x{at}",
                "puts.out",
                (f"s{layer - 1}x{at}", f"s{layer - 1}x{(at + 1) % WIDTH}") if layer else (),
            )
            for layer in range(steps // WIDTH)
            for at in range(WIDTH)
        ),
    )


async def stored_by(steps: int) -> dict[str, float]:
    """Stored messages per step of a run, by port."""
    app = App()

    @app.step("puts.out")
    async def puts_out(ctx):
        return {"text": "x" * 200}

    async with memory(partitions=1) as inner:
        counted: dict[str, Any] = {name: Flaky(getattr(inner, name)) for name in PORTS}
        backend = replace(inner, **counted)
        client = Client(stores_of(backend, QUIET))
        await client.register(layered(steps))
        coordinator = await coordinated(backend, sweep=QUIET.sweep, lease=QUIET.lease)
        metrics = Metrics(CollectorRegistry())
        worker = Worker(stores_of(backend, QUIET), app, SystemClock(), metrics=metrics)
        await worker.start()
        result = await client.run("layered", timeout=WAIT_LIMIT)
        await worker.drain()
        await coordinator.stop()
        client.close()
    assert result.status is RunStatus.COMPLETED, result
    calls = Counter(port for port in PORTS for name, _ in counted[port].calls if name in STORED)
    return {port: number / steps for port, number in calls.items()}


@pytest.mark.slow
@pytest.mark.usefixtures("uncovered")
async def test_messages_per_step_do_not_grow_with_the_graph():
    small, large = await stored_by(100), await stored_by(1_000)

    # A step: its message; claim and outcome; the same two as events; a reference to the outputs
    # before it for every few steps.
    assert large["steps"] == small["steps"] == 1.0
    assert sum(large.values()) <= 1.05 * sum(small.values()), (small, large)
    assert sum(large.values()) < 6
