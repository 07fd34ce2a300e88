"""How a coordinator begins and ends."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest

from tests.coordinator.support import make
from tests.worker.faults import Flaky


@pytest.mark.parametrize("failing", ["leases.acquire", "commands.consume", "timers.consume"])
async def test_it_starts_as_soon_as_it_can(backend, failing):
    port, method = failing.split(".")
    flaky = Flaky(getattr(backend, port), **{method: ["before"] * 2})
    coordinator = make(replace(backend, **{port: flaky}))

    running = asyncio.create_task(coordinator.run())
    async with asyncio.timeout(5):
        while flaky.scripts[method] or not coordinator.ready:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
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
                await asyncio.sleep(60)
            cancelled += 1

    coordinator = make(backend)
    await coordinator.start()
    coordinator._sweeps.add(asyncio.create_task(deaf()))
    await asyncio.sleep(0)

    async with asyncio.timeout(10):
        await coordinator.stop()

    assert cancelled == 2
