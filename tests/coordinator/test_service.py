"""How a coordinator begins and ends."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from flowworker import wiring
from flowworker.client import Client
from flowworker.core.event_types import EventType
from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.coordinator.support import make
from tests.support.backends import memory
from tests.support.faults import Flaky
from tests.support.waiting import WAIT_LIMIT, eventually


@pytest.mark.parametrize("failing", ["leases.acquire", "commands.consume", "timers.consume"])
async def test_it_starts_as_soon_as_it_can(backend, failing):
    port, method = failing.split(".")
    flaky = Flaky(getattr(backend, port), **{method: ["before"] * 2})
    coordinator = make(replace(backend, **{port: flaky}))

    running = asyncio.create_task(coordinator.run())
    await eventually(lambda: running.done() or (coordinator.ready and not flaky.scripts[method]))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert coordinator.partitions == ()


async def test_a_cancellation_that_a_library_swallows_does_not_keep_a_coordinator_alive(backend):
    cancelled = 0

    async def deaf():
        nonlocal cancelled
        while cancelled < 2:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            cancelled += 1

    coordinator = make(backend)
    await coordinator.start()
    coordinator._tasks.spawn(deaf())
    await asyncio.sleep(0)

    async with asyncio.timeout(WAIT_LIMIT):
        await coordinator.stop()

    assert cancelled == 2


async def test_what_it_keeps_in_memory_is_bounded_over_all_partitions():
    metrics = Metrics(CollectorRegistry())
    async with memory(partitions=4) as backend:
        settings = Settings(max_active=8, sweep=0.02)
        coordinator = wiring.make_coordinator(stores_of(backend, settings), metrics)
        await coordinator.start()
        client = Client(stores_of(backend))
        await client.register(Workflow("one", (Step("a", "nobody.has.this"),)))
        runs = [await client.start("one") for _ in range(60)]

        async def are_begun():
            views = [await client.status(run) for run in runs]
            return all(view.status is RunStatus.RUNNING for view in views)

        async def kept():
            return metrics.runs_active._value.get()

        await eventually(are_begun)
        await eventually(kept)
        assert await kept() <= 8
        client.close()
        await coordinator.stop()


@pytest.mark.parametrize("subject", ["timer.x", "timer.a$b.timeout", "timer.r1.tea", "timer.a.b.c"])
async def test_a_timer_of_somebody_else_is_passed_over(backend, subject):
    acked, consumers = asyncio.Event(), []
    timers: Any = Flaky(backend.timers)

    async def consume(on_delivery, *, shard):
        consumers.append(on_delivery)
        return await backend.timers.consume(on_delivery, shard=shard)

    async def ack():
        acked.set()

    timers.consume = consume
    coordinator = make(replace(backend, timers=timers))
    await coordinator.start()

    consumers[0](SimpleNamespace(subject=subject, time=0.0, delivered=1, ack=ack))
    await asyncio.wait_for(acked.wait(), WAIT_LIMIT)
    await coordinator.stop()


async def test_what_is_nested_too_deep_wedges_no_run(backend, client):
    await client.register(Workflow("one", (Step("a", "h"),)))
    coordinator = make(backend)
    await coordinator.start()
    run = await client.start("one")
    deep = b'{"id":"x","type":"workflow.timed_out","data":' + b"[" * 5000 + b"]" * 5000 + b"}"
    await backend.events.publish(run, EventType.TIMED_OUT, deep, "x")
    await client.terminate(run)

    async def is_over():
        return (await client.status(run)).status is RunStatus.CANCELLED

    await eventually(is_over)
    await coordinator.stop()
