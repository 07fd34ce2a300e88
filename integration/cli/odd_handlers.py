"""Handlers that would do harm to their worker."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from flowworker import App, StepContext

app = App()


def square(number: int) -> int:
    return number * number


def wait() -> None:
    time.sleep(60)


def begin(ctx: StepContext) -> None:
    """Let the test know."""
    Path(ctx.input["marker"]).touch()


@app.step("pool")
def pool(ctx: StepContext) -> int:
    with multiprocessing.get_context("fork").Pool(2) as workers:
        return sum(workers.map(square, range(50)))


@app.step("terminate")
def terminate(ctx: StepContext) -> int | None:
    child = multiprocessing.get_context("fork").Process(target=wait)
    child.start()
    child.terminate()
    child.join(20)
    return child.exitcode


def ended_with(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@app.step("child_returns")
def child_returns(ctx: StepContext) -> dict[str, int]:
    child = os.fork()
    return {"child": ended_with(child)} if child else {"not": 0}


@app.step("child_exits")
def child_exits(ctx: StepContext) -> dict[str, int]:
    child = os.fork()
    return {"child": ended_with(child)} if child else sys.exit(3)


@app.step("child_returns_to_the_loop")
async def child_returns_to_the_loop(ctx: StepContext) -> dict[str, int]:
    child = os.fork()
    return {"child": ended_with(child)} if child else {"not": 0}


@app.step("child_awaits")
async def child_awaits(ctx: StepContext) -> dict[str, int]:
    child = os.fork()
    if not child:
        await asyncio.sleep(600)
    return {"child": ended_with(child)}


@app.step("stop_loop")
async def stop_loop(ctx: StepContext) -> str:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.1)
    return "still here"


@app.step("stop_iteration")
def stop_iteration(ctx: StepContext) -> None:
    raise StopIteration


@app.step("keyboard")
async def keyboard(ctx: StepContext) -> None:
    raise KeyboardInterrupt


@app.step("keyboard_in_task")
async def keyboard_in_task(ctx: StepContext) -> None:
    async def interrupted() -> None:
        raise KeyboardInterrupt

    await asyncio.create_task(interrupted())


@app.step("to_thread")
async def to_thread(ctx: StepContext) -> None:
    begin(ctx)
    await asyncio.to_thread(time.sleep, 600)


@app.step("swallow")
async def swallow(ctx: StepContext) -> None:
    begin(ctx)
    while True:
        with suppress(BaseException):
            await asyncio.sleep(600)


@app.step("block")
async def block(ctx: StepContext) -> None:
    begin(ctx)
    time.sleep(600)
