"""How tests wait: for a condition, and for as long as it takes on the slowest machine."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

from flowworker.testing import ManualClock

WAIT_LIMIT = 120.0
"""Seconds until a test gives up. Nothing that works takes that long, on whatever machine."""


async def eventually(condition: Callable[[], Any], what: str = "it", pause: float = 0.01) -> Any:
    """The first true answer of a plain or async function."""
    end = time.monotonic() + WAIT_LIMIT
    while True:
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < end, f"{what} did not come true within {WAIT_LIMIT} s"
        await asyncio.sleep(pause)


def blocking_eventually(condition: Callable[[], Any], what: str = "it", pause: float = 0.02) -> Any:
    """The same for tests without an event loop."""
    end = time.monotonic() + WAIT_LIMIT
    while not (answer := condition()):
        assert time.monotonic() < end, f"{what} did not come true within {WAIT_LIMIT} s"
        time.sleep(pause)
    return answer


async def advance_until(clock: ManualClock, condition: Callable[[], Any], step: float = 1.0) -> Any:
    """Let a manual clock's time pass, step by step, until something is true.

    Between two steps threads have their turn: no step waits for what they do.
    """

    async def after_a_step() -> Any:
        await clock.advance(step)
        return condition()

    return await eventually(after_a_step, pause=0.001)


async def quiet_for(seconds: float) -> None:
    """Let so much real time pass, in which nothing may happen that could be waited for.

    Either that is what a test shows, or a server's own clock decides. A test that
    waits for something to happen uses `eventually`.
    """
    await asyncio.sleep(seconds)
