"""Handlers of the fleet tests. What they did is written to files, where other processes see it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from pathlib import Path

from flowworker import App, NonRetryableError, StepContext

app = App()
late = App()
"""What a later deployment brings."""

TRACE = Path(os.environ.get("FLEET_TRACE", "/nonexistent"))


def note(ctx: StepContext, what: str) -> int:
    """Append a line to the run's trace; how many lines of this kind there are now."""
    with (TRACE / f"{ctx.run_id}.log").open("a") as file:
        file.write(f"{what} {ctx.step_id} {ctx.attempt} {os.getpid()}\n")
    lines = (TRACE / f"{ctx.run_id}.log").read_text().splitlines()
    return sum(line.startswith(f"{what} {ctx.step_id} ") for line in lines)


@app.step("ok")
async def ok(ctx: StepContext) -> dict:
    note(ctx, "run")
    return {"from": ctx.step_id, f"{ctx.step_id}_done": True}


@app.step("ok.thread")
def ok_thread(ctx: StepContext) -> dict:
    note(ctx, "run")
    return {"thread": ctx.step_id}


@app.step("sees")
async def sees(ctx: StepContext) -> dict:
    note(ctx, "run")
    return {"seen": sorted(key for key in ctx.input)}


@app.step("talks")
async def talks(ctx: StepContext) -> dict:
    """Says something on stderr, in all the ways there are."""
    note(ctx, "run")
    ctx.log.warning("by flowworker")
    logging.getLogger("shop").warning("by logging")
    print("by hand", file=sys.stderr)
    return {}


@app.step("emits")
async def emits(ctx: StepContext) -> dict:
    note(ctx, "run")
    await ctx.emit("parcel.packed", {"by": ctx.step_id})
    return {}


@app.step("flaky")
async def flaky(ctx: StepContext) -> dict:
    """Fails as often as the run's input says."""
    note(ctx, "run")
    if ctx.attempt <= ctx.input.get("failures", 2):
        raise RuntimeError(f"attempt {ctx.attempt} fails")
    return {"attempts": ctx.attempt}


@app.step("fail")
async def fail(ctx: StepContext) -> dict:
    note(ctx, "run")
    raise RuntimeError("always fails")


@app.step("declined")
async def declined(ctx: StepContext) -> dict:
    note(ctx, "run")
    raise NonRetryableError("card declined")


@app.step("needs.permission")
async def needs_permission(ctx: StepContext) -> dict:
    """Fails until somebody has put a file there."""
    note(ctx, "run")
    if not (TRACE / f"{ctx.run_id}.permission").exists():
        raise PermissionError("nobody allowed it yet")
    return {"allowed": True}


@app.step("gate")
async def gate(ctx: StepContext) -> dict:
    """Ends when somebody has put a file there."""
    note(ctx, "run")
    while not (TRACE / f"{ctx.run_id}.open").exists():
        await asyncio.sleep(0.02)
    return {"opened": True}


@app.step("undo")
async def undo(ctx: StepContext) -> dict:
    note(ctx, "undo")
    return {}


@app.step("undo.fails")
async def undo_fails(ctx: StepContext) -> dict:
    note(ctx, "undo")
    raise RuntimeError("cannot be undone")


@app.step("sleep")
async def sleep(ctx: StepContext) -> dict:
    note(ctx, "run")
    try:
        await asyncio.sleep(ctx.input.get("seconds", 60))
    except asyncio.CancelledError:
        note(ctx, "cancelled")
        raise
    return {"slept": True}


@app.step("sleep.thread")
def sleep_thread(ctx: StepContext) -> dict:
    note(ctx, "run")
    end = time.monotonic() + ctx.input.get("seconds", 60)
    while time.monotonic() < end:
        if ctx.cancelled:
            note(ctx, "cancelled")
            raise RuntimeError("cancelled")
        time.sleep(0.05)
    return {"slept": True}


@app.step("block.first")
async def block_first(ctx: StepContext) -> dict:
    """The first worker that takes it never ends; the one who takes it over is quick."""
    if note(ctx, "run") == 1:
        await asyncio.sleep(600)
    return {"by": os.getpid()}


@app.step("kill.worker")
async def kill_worker(ctx: StepContext) -> dict:
    note(ctx, "run")
    os._exit(9)


@app.step("big")
async def big(ctx: StepContext) -> dict:
    note(ctx, "run")
    return {"blob": "x" * ctx.input["size"]}


@app.step("size.of.blob")
async def size_of_blob(ctx: StepContext) -> dict:
    note(ctx, "run")
    return {"size": len(ctx.input["blob"])}


@app.step("not.json")
async def not_json(ctx: StepContext) -> object:
    note(ctx, "run")
    return object()


@late.step("charge")
async def charge(ctx: StepContext) -> dict:
    note(ctx, "run")
    return {"attempt": ctx.attempt}
