"""Handlers that do next to nothing, so that what remains is the engine; and a slow one."""

from __future__ import annotations

import asyncio
import os

from flowworker import App, NonRetryableError, StepContext

app = App()


@app.step("bench.noop")
async def noop(_ctx: StepContext) -> dict[str, int]:
    return {}


OUTPUT_BYTES = "BENCH_OUTPUT_BYTES"
"""Environment variable: how much `wf.task` puts out."""

_FRAME = len('{"data":""}')


@app.step("wf.task")
async def task(_ctx: StepContext) -> dict[str, str]:
    return {"data": "x" * (int(os.environ.get(OUTPUT_BYTES, "48")) - _FRAME)}


@app.step("bench.fail")
async def fail(_ctx: StepContext) -> None:
    raise NonRetryableError("as it was meant to")


@app.step("bench.slow")
async def slow(_ctx: StepContext) -> dict[str, int]:
    await asyncio.sleep(0.005)
    return {}
