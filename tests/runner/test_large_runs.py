"""A small run beside a large one, in executions of a Runner."""

from __future__ import annotations

import asyncio

import pytest

from flowworker import App, Runner, RunStatus, StepContext, parse
from flowworker.memory.steps import MemoryStepQueue
from flowworker.settings import Settings
from tests.support.waiting import WAIT_LIMIT, eventually

ITEMS = 1_000

LOOP = "{id: each, uses: turn, for_each: {items: input.of}}"
SIDE_BY_SIDE = ", ".join(f"{{id: s{one}, uses: turn}}" for one in range(ITEMS))
SMALL = parse("{name: small, steps: [{id: only, uses: pass}]}")


class Turns:
    """How many turns the large run has had when the small one has its first."""

    def __init__(self) -> None:
        self.taken = 0
        self.before_small = -1
        self.may_go_on = asyncio.Event()
        self.app = App()
        self.app.step("turn")(self.turn)
        self.app.step("pass")(self.small)

    async def turn(self, ctx: StepContext) -> None:
        await self.may_go_on.wait()
        self.taken += 1

    async def small(self, ctx: StepContext) -> None:
        self.before_small = self.taken


@pytest.mark.parametrize("steps", [LOOP, SIDE_BY_SIDE], ids=["loop", "side by side"])
async def test_a_small_run_waits_for_no_more_than_the_share_of_a_large_one(steps):
    turns = Turns()
    async with Runner(app=turns.app, settings=Settings(concurrency=4)) as runner:
        runner.register(parse(f"{{name: large, steps: [{steps}]}}"))
        runner.register(SMALL)
        large = await runner.execute("large", {"of": list(range(ITEMS))})
        fleet = await runner.running()
        queue = fleet.backend.steps
        assert isinstance(queue, MemoryStepQueue)
        await eventually(lambda: queue.pending(large) >= ITEMS)

        small = await runner.execute("small")
        await eventually(lambda: queue.pending(small) == 1)
        turns.may_go_on.set()

        for run in (small, large):
            result = await asyncio.wait_for(runner.result(run), WAIT_LIMIT)
            assert result.status is RunStatus.COMPLETED
    assert turns.taken == ITEMS
    assert turns.before_small < ITEMS / 4
