"""When a fleet has come to rest, and how long its server lets everybody wait.

A slow machine is no fault and must find nothing: so what is waited for is that something happens,
and not that it happens soon; and who loses a lease because nobody was answered has a reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from bench.chaos.case import Json
from bench.chaos.raw import NAT_ERRORS, Raw

SETTLE = 120.0
"""Seconds in which something has to happen, while runs have not ended after the last fault."""
LONGEST = 900.0
"""Seconds after the last fault within which every run has to end, however slow the machine is."""
SLOW = 1.0
"""Seconds that an answer takes if a lease may be lost by that: as long as a renewal may take."""
PAUSE = 0.25


async def settle(
    raw: Raw, namespace: str, limit: float = SETTLE, longest: float = LONGEST
) -> float | None:
    """Wait until no run is active and no step is queued; how long that took.

    None if runs are active, and nothing has happened for `limit`. Steps that are queued for ever
    are no reason to say so: they are found where they are.
    """
    began = moved = time.monotonic()
    seen = active = queued = -1
    while time.monotonic() < min(moved + limit, began + longest):
        with contextlib.suppress(*NAT_ERRORS):
            active, queued, happened = await _look(raw, namespace)
            if not active and not queued:
                await asyncio.sleep(2.0)  # acknowledgements on their way
                if (await _look(raw, namespace))[:2] == (0, 0):
                    return time.monotonic() - began
            if happened != seen:
                seen, moved = happened, time.monotonic()
        await asyncio.sleep(0.5)
    return None if active else time.monotonic() - began


async def _look(raw: Raw, namespace: str) -> tuple[int, int, int]:
    """Runs that are active and commands that are not taken; steps that are queued; events."""
    bucket, upper = f"{namespace}_runs", namespace.upper()
    waiting = await raw.count(f"KV_{bucket}", f"$KV.{bucket}.index.WAITING_HUMAN.>")
    states = {name: info["state"] for name, info in (await raw.streams()).items()}
    active = waiting + states[f"{upper}_COMMANDS"]["messages"] + await raw.unfinished(namespace)
    queued = await raw.count(f"{upper}_STEPS", f"{namespace}.step.>")
    return active, queued, states[f"{upper}_EVENTS"]["last_seq"]


async def watch_slowness(raw: Raw, namespace: str, slow: list[Json]) -> None:
    """Note whenever an answer took long, until cancelled."""
    while True:
        asked = time.time()
        with contextlib.suppress(*NAT_ERRORS):
            await raw.api(f"STREAM.INFO.KV_{namespace}_runs")
        if (answered := time.time()) - asked >= SLOW:
            slow.append({"from": asked, "until": answered})
        await asyncio.sleep(PAUSE)
