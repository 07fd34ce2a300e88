"""How tests wait: for a condition, and for as long as it takes on the slowest machine."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 120.0
"""Seconds until a test gives up. Nothing that works takes that long, on whatever machine."""


async def eventually(condition: Callable[[], Any], what: str = "it", pause: float = 0.01) -> Any:
    """The first true answer of a plain or async function."""
    end = time.monotonic() + PATIENCE
    while True:
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < end, f"{what} did not come true within {PATIENCE} s"
        await asyncio.sleep(pause)
