"""Handlers that are careless with what they are given."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import structlog

from flowworker import App, StepContext

app = App()


@app.step("leak.say")
async def say(ctx: StepContext, password: str, about: dict[str, Any]) -> dict[str, Any]:
    """Tell everybody."""
    logging.getLogger("shop").warning("logged in with %s", password)
    structlog.get_logger().info("about", about=about, password=password)
    await asyncio.to_thread(ctx.log.info, f"in a thread: {password!r}")
    print(f"printed {password}", file=sys.stderr)
    await ctx.emit("shop.said", {"text": f"it is {password}", "about": about})
    return {"echo": password, "longer": f"user:{password}@host", "token": "a-token-of-the-handler"}


@app.step("leak.fail")
async def fail(ctx: StepContext, password: str) -> None:
    """Fail with it, and because of it."""
    try:
        dict[str, str]()[password]
    except KeyError as error:
        raise ValueError(f"{ctx.step_id}: cannot use {password}") from error


@app.step("leak.item")
async def item(ctx: StepContext, of: str) -> str:
    """Give it back."""
    ctx.log.debug("an item", of=of)
    return of


@app.step("leak.all")
def everything(ctx: StepContext) -> dict[str, Any]:
    """Give everything back, from a thread."""
    logging.getLogger("shop").error("all of it: %s", ctx.input)
    return dict(ctx.input)
