"""Handlers that log in every way there is."""

from __future__ import annotations

import asyncio
import logging
import threading

import structlog

from flowworker import App, NonRetryableError, StepContext

app = App()
log = logging.getLogger("shop")


@app.step("talk")
async def talk(ctx: StepContext) -> None:
    log.warning("by logging")
    structlog.get_logger().warning("by structlog")
    ctx.log.warning("by the context")
    await asyncio.create_task(child())
    await asyncio.to_thread(log.warning, "in a thread of asyncio")


async def child() -> None:
    log.warning("in a child task")


@app.step("talk.plain")
def talk_plain(ctx: StepContext) -> None:
    log.warning("in the thread of a plain function")
    assert threading.current_thread() is not threading.main_thread()
    raise NonRetryableError("said enough")
