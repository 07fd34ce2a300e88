"""Limits with names, in executions of a Runner."""

from __future__ import annotations

import asyncio

import pytest

from flowworker import App, Runner, StepContext, parse
from tests.support.waiting import WAIT_LIMIT, eventually

LIMITED = parse("{name: limited, steps: [{id: call, uses: call, limits: [api]}]}")


class Calls:
    """Handlers that wait until they may end."""

    def __init__(self) -> None:
        self.running = self.most = 0
        self.may_end = asyncio.Event()
        self.app = App()
        self.app.step("call")(self.call)

    async def call(self, ctx: StepContext) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await self.may_end.wait()
        self.running -= 1


@pytest.fixture
def calls() -> Calls:
    return Calls()


async def test_steps_wait_for_a_limit_until_it_is_set(calls):
    async with Runner(app=calls.app) as runner:
        runner.register(LIMITED)
        runs = [await runner.execute("limited") for _ in range(3)]
        limits = (await runner.running()).client

        async def all_wait() -> bool:
            return [one.waiting for one in await limits.limits()] == [3]

        await eventually(all_wait)

        assert (await runner.set_limit("api", 2)).concurrency == 2
        await eventually(lambda: calls.running == 2)
        calls.may_end.set()

        for run in runs:
            (await asyncio.wait_for(runner.result(run), WAIT_LIMIT)).raise_for_status()
        assert calls.most == 2


ONE_RUN = parse("{name: one, concurrency: [{limit: 1}], steps: [{id: call, uses: call}]}")


async def test_executions_wait_for_a_limit_of_their_workflow(calls):
    async with Runner(app=calls.app) as runner:
        runner.register(ONE_RUN)
        runs = [await runner.execute("one") for _ in range(3)]
        await eventually(lambda: calls.running == 1)

        statuses = sorted([str(await runner.status(run)) for run in runs])
        calls.may_end.set()

        client = (await runner.running()).client
        ends = [str((await client.result(run, WAIT_LIMIT)).status) for run in runs]

    assert statuses.count("PENDING") == 2
    assert ends == ["COMPLETED"] * 3
    assert calls.most == 1
