"""Handlers that do nothing: what remains is the engine."""

from __future__ import annotations

from flowworker import App, StepContext

app = App()


@app.step("bench.noop")
async def noop(_ctx: StepContext) -> dict[str, int]:
    return {}
