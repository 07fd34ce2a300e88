"""What the steps of `workflows.yaml` do."""

from __future__ import annotations

import asyncio
import time

from flowworker import App, StepContext

app = App()


@app.step("add")
async def add(ctx: StepContext) -> dict:
    return {"n": ctx.input.get("n", 0) + 1}


@app.step("refuse")
def refuse(ctx: StepContext) -> dict:
    raise ValueError("not today")


@app.step("sleep")
async def sleep(ctx: StepContext) -> dict:
    await asyncio.sleep(ctx.input.get("seconds", 30))
    return {"slept": True}


@app.step("stuck")
def stuck(ctx: StepContext) -> None:
    time.sleep(600)


@app.step("large")
async def large(ctx: StepContext) -> dict:
    return {"text": "x" * 700_000}
