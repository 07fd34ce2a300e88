"""Limits of several runners on one Redis: each a process of its own, with queues of its own."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from flowworker import App, RedisStore, Runner, Settings, StepContext, parse
from tests.support.waiting import WAIT_LIMIT, eventually, quiet_for

SETTINGS = Settings(sweep=0.2, drain=0.05)
ONE_RUN = parse("{name: runs, concurrency: [{limit: 1}], steps: [{id: call, uses: call}]}")
ONE_STEP = parse("{name: steps, steps: [{id: call, uses: call, concurrency: [{limit: 1}]}]}")
NAMED = parse("{name: named, steps: [{id: call, uses: call, limits: [api]}]}")
SKIPS = parse("{name: skips, singleton: {mode: skip}, steps: [{id: call, uses: call}]}")
TURNS = parse("{name: turns, steps: [{id: call, uses: call, fairness: {key: input.who}}]}")
EACH = (ONE_RUN, ONE_STEP, NAMED, SKIPS, TURNS)


class Calls:
    """What handlers do, in all processes: they begin, and end when they may."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.running = self.most = 0
        self.may_end = asyncio.Event()

    async def call(self, ctx: StepContext) -> None:
        self.begun.append(ctx.run_id)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.may_end.wait()
        finally:
            self.running -= 1


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
async def process(redis_server, namespace, calls):
    """Makes another one; all are closed in the end."""
    async with contextlib.AsyncExitStack() as all_of_them:

        async def begin() -> Runner:
            app = App()
            app.step("call")(calls.call)
            url = redis_server.url
            store = RedisStore(url, namespace=namespace, settings=SETTINGS)
            runner = Runner(store=await all_of_them.enter_async_context(store), app=app)
            await all_of_them.enter_async_context(runner)
            for workflow in EACH:
                runner.register(workflow)
            return runner

        yield begin
        calls.may_end.set()


@pytest.mark.parametrize("workflow", ["runs", "steps", "named"])
async def test_processes_do_not_exceed_a_limit_together(process, calls, workflow):
    runners = [await process(), await process()]
    await runners[0].set_limit("api", 1)
    runs = [(runner, await runner.execute(workflow)) for _ in range(2) for runner in runners]
    await eventually(lambda: calls.begun)
    calls.may_end.set()

    for runner, run in runs:
        client = (await runner.running()).client
        assert (await client.result(run, WAIT_LIMIT)).status == "COMPLETED"
    assert calls.most == 1
    assert sorted(calls.begun) == sorted(run for _, run in runs)


async def test_no_process_waits_for_the_turns_of_another_ones_queue(process, calls):
    one, other = await process(), await process()
    width = 16
    for _ in range(4 * width):
        await one.execute("turns", {"who": "a"})
    await eventually(lambda: calls.running >= width)

    run = await other.execute("turns", {"who": "b"})

    await eventually(lambda: run in calls.begun)


async def waiting(runner: Runner) -> list[int]:
    return [one.waiting for one in await (await runner.running()).client.limits()]


async def test_a_run_has_its_place_when_its_process_is_gone_and_when_it_is_resumed(process, calls):
    # Given an execution whose process is gone, and one that waits in another process
    one, other = await process(), await process()
    run = await one.execute("runs")
    await eventually(lambda: calls.begun == [run])
    await one.close()
    next_one = await other.execute("runs")

    async def waits() -> bool:
        return await waiting(other) == [1]

    await eventually(waits)
    await quiet_for(3 * SETTINGS.sweep)
    assert calls.begun == [run]

    # When it is resumed it goes on, and the other one begins once it is over
    resumed = asyncio.create_task(other.resume_execution(run))
    await eventually(lambda: calls.begun == [run, run])
    await quiet_for(3 * SETTINGS.sweep)
    assert calls.begun == [run, run]
    calls.may_end.set()
    await resumed
    client = (await other.running()).client
    assert (await client.result(next_one, WAIT_LIMIT)).status == "COMPLETED"
    assert calls.most == 1


async def test_a_run_that_waited_when_its_process_was_gone_asks_again(process, calls):
    one, other = await process(), await process()
    first = await one.execute("runs")
    await eventually(lambda: calls.begun == [first])
    second = await one.execute("runs")
    await one.close()

    going = [asyncio.create_task(other.resume_execution(run)) for run in (second, first)]
    await eventually(lambda: calls.begun == [first, first])
    calls.may_end.set()
    await asyncio.gather(*going)

    assert calls.begun == [first, first, second]
    assert calls.most == 1


async def test_what_is_said_of_a_limit_holds_in_all_processes_and_later(process):
    one = await process()
    for concurrency in (3, 4):
        await one.set_limit("api", concurrency)

    other = await process()
    assert [at.concurrency for at in await (await other.running()).client.limits()] == [4]

    assert (await other.set_limit("api", 5)).concurrency == 5
    assert (await one.set_limit("api", 6)).concurrency == 6
