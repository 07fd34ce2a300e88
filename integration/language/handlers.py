"""Handlers that say what they are called with: a line in a file of the run, written at once."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from flowworker import App, StepContext


class CardDeclined(Exception):
    """An error that rules name."""


class NoStock(CardDeclined):
    """A kind of it."""


class Notes:
    """What handlers were called with, from all processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, ctx: StepContext) -> None:
        """Add a call, with a single system call, which no SIGKILL takes back."""
        path = self._folder / f"{ctx.run_id}.jsonl"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(file, json.dumps([_name(ctx), ctx.input]).encode() + b"\n")
        finally:
            os.close(file)

    def read(self, run: str) -> dict[str, Any]:
        """What each attempt got; one that was executed again must have got the same."""
        path = self._folder / f"{run}.jsonl"
        calls: dict[str, Any] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            name, given = json.loads(line)
            assert calls.setdefault(name, given) == given, f"{run}: {name} got two inputs"
        return calls


def _name(ctx: StepContext) -> str:
    """The step, and what is unusual: `pay`, `pay #2`, `pay fallback`, an iteration `poll (2)`."""
    parts = [ctx.step_id]
    if ctx.kind != "run":
        parts.append(str(ctx.kind))
    if ctx.iteration:
        parts.append(f"({ctx.iteration})")
    if ctx.attempt > 1:
        parts.append(f"#{ctx.attempt}")
    return " ".join(parts)


app = App(runtime=Notes(Path(os.environ.get("LANGUAGE_NOTES", "/nonexistent"))))


@app.step("echo")
def echo(ctx: StepContext) -> dict[str, Any]:
    ctx.runtime.write(ctx)
    return dict(ctx.input)


@app.step("undo")
def undo(ctx: StepContext) -> None:
    ctx.runtime.write(ctx)


@app.step("multiply")
def multiply(ctx: StepContext, net: int, count: int) -> dict[str, int]:
    ctx.runtime.write(ctx)
    return {"total": net * count}


@app.step("fails")
def fails(ctx: StepContext, error: str = "NoStock", times: int = 1000) -> dict[str, Any]:
    """So many times, with that error."""
    ctx.runtime.write(ctx)
    if ctx.attempt <= times:
        raise {"NoStock": NoStock, "CardDeclined": CardDeclined}[error](f"no {ctx.attempt}")
    return {"attempt": ctx.attempt}


@app.step("count")
def count(ctx: StepContext) -> dict[str, int]:
    ctx.runtime.write(ctx)
    return {"n": ctx.iteration}


@app.step("again")
def again(ctx: StepContext) -> dict[str, Any]:
    """Fails, but for a rerun."""
    ctx.runtime.write(ctx)
    if not ctx.run_id.endswith("-again"):
        raise NoStock("not yet")
    return dict(ctx.input)


@app.step("hangs")
async def hangs(ctx: StepContext) -> None:
    """Until it is cancelled. Whether it has begun at all by then is a matter of luck: no note."""
    await asyncio.Event().wait()
