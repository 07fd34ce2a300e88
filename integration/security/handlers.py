"""What the steps of `workflows.yaml` do."""

from __future__ import annotations

import asyncio

from flowworker import App, StepContext

app = App()


@app.step("prepare")
async def prepare(ctx: StepContext) -> dict:
    """Under a lock, and with an event for others."""
    async with ctx.lock("order", ttl=5, timeout=60, owner="step"):
        await ctx.emit("order.paid", {"by": ctx.step_id}, key=ctx.step_id)
    return {"prepared": ctx.step_id}


@app.step("flaky")
async def flaky(ctx: StepContext) -> dict:
    if ctx.attempt < 2:
        raise RuntimeError("not yet")
    return {"attempt": ctx.attempt}


@app.step("enlarge")
async def enlarge(ctx: StepContext) -> dict:
    return {"blob": "x" * 1_500_000}


@app.step("measure")
async def measure(ctx: StepContext) -> dict:
    return {"blob": len(ctx.input["blob"]), "text": len(ctx.input.get("text", ""))}


@app.step("refuse")
async def refuse(ctx: StepContext) -> dict:
    raise ValueError("not today")


@app.step("undo")
async def undo(ctx: StepContext) -> dict:
    await ctx.emit("order.undone", {"of": ctx.step_id})
    return {}


@app.step("wait")
async def wait(ctx: StepContext) -> dict:
    await asyncio.sleep(600)
    return {}
