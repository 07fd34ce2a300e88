"""An order in four steps. The second one takes long the first time, so that it can be killed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from flowworker import App, StepContext

app = App()


def note(ctx: StepContext) -> int:
    """Write down that a step runs; how often it has by now."""
    trace = Path(os.environ["RESUME_TRACE"])
    with trace.open("a", encoding="utf-8") as file:
        file.write(f"{ctx.step_id} {os.getpid()}\n")
    lines = trace.read_text("utf-8").splitlines()
    return sum(line.startswith(f"{ctx.step_id} ") for line in lines)


@app.step("resume.reserve")
async def reserve(ctx: StepContext) -> dict:
    note(ctx)
    return {"reservation": f"R-{ctx.input['order_id']}"}


@app.step("resume.charge")
async def charge(ctx: StepContext) -> dict:
    if note(ctx) == 1:
        await asyncio.sleep(3600)  # here the process is killed
    await ctx.emit("order.paid", {"order_id": ctx.input["order_id"]})
    return {"paid": True}


@app.step("resume.pack")
def pack(ctx: StepContext) -> dict:
    note(ctx)
    return {"parcel": ctx.input["reservation"].replace("R", "P")}


@app.step("resume.ship")
async def ship(ctx: StepContext) -> dict:
    note(ctx)
    return {"shipped": ctx.input["parcel"]}
