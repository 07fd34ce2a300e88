"""What the recorded workflows do. What they put out is the same at each recording."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from typing import Any

from flowworker import App, Event, NonRetryableError, RetryAfter, StepContext

Gates = defaultdict[str, asyncio.Event]
"""By run: what its `hold` waits for."""

app = App(runtime=Gates(asyncio.Event))
deadly = App()
"""For a process of its own."""


@app.step("say")
async def say(ctx: StepContext) -> dict[str, Any]:
    return {"said": ctx.step_id}


@app.step("flaky")
async def flaky(ctx: StepContext) -> dict[str, Any]:
    """Fails once for a short while, and once for longer than a coordinator times by itself."""
    if ctx.attempt == 1:
        raise RetryAfter(0.02, "busy")
    if ctx.attempt == 2:
        raise RuntimeError("not yet")
    return {"attempts": ctx.attempt}


@app.step("decline")
async def decline(ctx: StepContext) -> None:
    raise NonRetryableError("card declined")


@app.step("fail")
async def fail(ctx: StepContext) -> None:
    raise RuntimeError("always fails")


@app.step("undo")
async def undo(ctx: StepContext) -> dict[str, Any]:
    return {}


@app.step("ask")
async def ask(ctx: StepContext) -> dict[str, Any]:
    """Fails until somebody says that it shall be tried again."""
    if ctx.turn == 1:
        raise PermissionError("nobody allowed it yet")
    return {"allowed": True}


@app.step("pick")
async def pick(ctx: StepContext, n: int) -> dict[str, Any]:
    if n == 0:
        raise NonRetryableError("nothing to pick")
    return {"n": n}


@app.step("stumble")
async def stumble(ctx: StepContext) -> dict[str, Any]:
    """Fails with two kinds of errors, each of which is a special one."""
    if ctx.attempt == 1:
        raise KeyError("unknown")
    if ctx.attempt == 2:
        raise ConnectionError("gone")
    return {"attempts": ctx.attempt}


@app.step("later")
async def later(ctx: StepContext) -> dict[str, Any]:
    """Fails in a first run."""
    if ctx.run_id.endswith("-1"):
        raise NonRetryableError("not now")
    return {"done": True}


@app.step("hold")
async def hold(ctx: StepContext[Gates]) -> dict[str, Any]:
    await ctx.runtime[ctx.run_id].wait()
    return {"held": True}


@app.step("blob")
async def blob(ctx: StepContext, size: int) -> dict[str, Any]:
    return {"blob": "x" * size}


@app.step("measure")
async def measure(ctx: StepContext, blob: str) -> dict[str, Any]:
    return {"size": len(blob)}


@app.step("fill")
async def fill(ctx: StepContext) -> dict[str, Any]:
    return {ctx.step_id: "y" * 300}


@app.step("emit")
async def emit(ctx: StepContext) -> dict[str, Any]:
    await ctx.emit("order.paid", {"amount": 890})
    await ctx.emit("order.paid", {"amount": 891}, key="second")
    async with ctx.lock("card:4711", ttl=5, timeout=5):
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        await ctx.event_bus.publish(Event("shop", "opened", {"by": ctx.run_id}, trace_id=trace))
    return {}


@deadly.step("kill")
async def kill(ctx: StepContext) -> None:
    os._exit(9)


@app.step("kill")
async def survive(ctx: StepContext) -> dict[str, Any]:
    return {"survived": True}
