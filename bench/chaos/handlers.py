"""Steps that sleep a little, fail as often as they are asked to, and note what they did in a file.

The notes are the second witness, independent of the engine: one line when a handler begins and one
when it ends, written with a single system call, which no SIGKILL can take back.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowworker import App, StepContext

app = App()

FOLDER = Path(os.environ.get("CHAOS_NOTES", "/nonexistent"))
FLAKY = 0.2
_files: dict[int, int] = {}


def write(note: dict[str, Any]) -> None:
    """Append a line to this process' file."""
    pid = os.getpid()
    if pid not in _files:
        path = FOLDER / f"{pid}-{time.time_ns()}.jsonl"
        _files[pid] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(_files[pid], json.dumps({"at": time.time(), "pid": pid, **note}).encode() + b"\n")


@contextmanager
def noted(ctx: StepContext, uses: str) -> Iterator[dict[str, Any]]:
    """Note the beginning and the end; what is yielded becomes the output."""
    number = random.getrandbits(48)
    about = {
        "run": ctx.run_id,
        "step": ctx.step_id,
        "uses": uses,
        "turn": ctx.turn,
        "iteration": ctx.iteration,
        "attempt": ctx.attempt,
        "nonce": number,
    }
    given = {"seen": ctx.input.get("seen"), "n": ctx.input.get("n")}
    write({"what": "begin", **given, **about})
    ended = "lost"
    try:
        yield {"nonce": number, "by": os.getpid()}
        ended = "ok"
    except asyncio.CancelledError:
        ended = "cancelled"
        raise
    except Exception:
        ended = "failed"
        raise
    finally:
        write({"what": "end", "how": ended, **about})


def chance(ctx: StepContext, what: str) -> float:
    """The same number between 0 and 1 for the same step of the same run, no matter who asks."""
    return zlib.crc32(f"{ctx.run_id}/{ctx.step_id}/{what}".encode()) / 2**32


async def pause(ctx: StepContext) -> None:
    """A few milliseconds, now and then more."""
    seconds = chance(ctx, "seconds")
    await asyncio.sleep(seconds * 0.03 if seconds < 0.95 else seconds)


@app.step("chaos.work")
async def work(ctx: StepContext) -> dict[str, Any]:
    with noted(ctx, "chaos.work") as output:
        await pause(ctx)
    return output


@app.step("chaos.thread")
def thread(ctx: StepContext) -> dict[str, Any]:
    with noted(ctx, "chaos.thread") as output:
        time.sleep(chance(ctx, "seconds") * 0.03)
    return output


@app.step("chaos.long")
async def long(ctx: StepContext) -> dict[str, Any]:
    """Longer than a lease, now and then."""
    with noted(ctx, "chaos.long") as output:
        await asyncio.sleep(1 + 4 * chance(ctx, "seconds"))
    return output


@app.step("chaos.block")
async def block(ctx: StepContext) -> dict[str, Any]:
    """Does not let go of the event loop, as it should not."""
    with noted(ctx, "chaos.block") as output:
        time.sleep(chance(ctx, "seconds") * 0.8)  # noqa: ASYNC251 - that is the point
    return output


@app.step("chaos.flaky")
async def flaky(ctx: StepContext) -> dict[str, Any]:
    """Fails up to three times."""
    with noted(ctx, "chaos.flaky") as output:
        await pause(ctx)
        if ctx.attempt <= int(chance(ctx, "failures") * 4):
            raise RuntimeError(f"attempt {ctx.attempt} fails")
    return output


@app.step("chaos.poll")
async def poll(ctx: StepContext) -> dict[str, Any]:
    """Has up to five iterations left, and fails now and then."""
    with noted(ctx, "chaos.poll") as output:
        await pause(ctx)
        if ctx.attempt == 1 and chance(ctx, f"failure {ctx.iteration}") < FLAKY:
            raise RuntimeError(f"iteration {ctx.iteration} fails")
    left = int(chance(ctx, f"iterations {ctx.turn}") * 6) + 1 - ctx.iteration
    return {**output, "left": left}


@app.step("chaos.fail")
async def fail(ctx: StepContext) -> dict[str, Any]:
    with noted(ctx, "chaos.fail"):
        await pause(ctx)
        raise RuntimeError("always fails")


@app.step("chaos.backup")
async def backup(ctx: StepContext) -> dict[str, Any]:
    with noted(ctx, "chaos.backup") as output:
        await pause(ctx)
    return output


@app.step("chaos.ask")
async def ask(ctx: StepContext) -> dict[str, Any]:
    """Fails until a human has put a file there."""
    with noted(ctx, "chaos.ask") as output:
        await pause(ctx)
        if not (FOLDER / f"{ctx.run_id}.permission").exists():
            raise PermissionError("nobody allowed it yet")
    return output


@app.step("chaos.undo")
async def undo(ctx: StepContext) -> dict[str, Any]:
    with noted(ctx, "chaos.undo") as output:
        await pause(ctx)
    return output


@app.step("chaos.undo_flaky")
async def undo_flaky(ctx: StepContext) -> dict[str, Any]:
    """Fails once or twice, sometimes for good."""
    with noted(ctx, "chaos.undo_flaky") as output:
        await pause(ctx)
        if ctx.attempt <= int(chance(ctx, "failures") * 4):
            raise RuntimeError(f"attempt {ctx.attempt} fails")
    return output


@app.step("chaos.big")
async def big(ctx: StepContext) -> dict[str, Any]:
    """More than fits a record."""
    with noted(ctx, "chaos.big") as output:
        await ctx.emit("parcel.packed", {"run": ctx.run_id})
    return {**output, "blob": "x" * 50_000}
