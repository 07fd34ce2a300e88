from __future__ import annotations

import asyncio

from flowworker.core.status import Outcome
from flowworker.testing.clock import settle


async def test_async(fleet):
    @fleet.app.step("a")
    async def a(ctx, n: int):
        return {"n": n + 1}

    await fleet.worker()
    await fleet.run("a", input={"n": 1})

    assert (await fleet.record()).outcome is Outcome.COMPLETED
    assert await fleet.output() == {"n": 2}
    assert await fleet.types() == ["step.started", "step.completed"]


async def test_thread(fleet):
    @fleet.app.step("a")
    def a(ctx, n: int):
        return {"n": n + 1}

    await fleet.worker()
    await fleet.run("a", input={"n": 1})
    await asyncio.sleep(0.05)
    await settle()

    assert (await fleet.record()).outcome is Outcome.COMPLETED
    assert await fleet.output() == {"n": 2}
