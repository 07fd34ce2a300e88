"""Runs that are started while something goes wrong, each until its start is acknowledged."""

from __future__ import annotations

import asyncio

from flowworker.errors import Unavailable
from integration.fleet.fleet import Fleet
from tests.support.waiting import WAIT_LIMIT


async def start(fleet: Fleet, run: str, workflow: str = "diamond") -> str:
    """Repeat what was not acknowledged: the id makes that harmless."""
    while True:
        try:
            return await fleet.client.start(workflow, run_id=run)
        except Unavailable:
            await asyncio.sleep(0.2)


async def start_many(fleet: Fleet, count: int, every: float) -> list[str]:
    """One after the other, without waiting for any."""
    starts = []
    for number in range(count):
        starts.append(asyncio.create_task(start(fleet, f"r-{number}")))
        await asyncio.sleep(every)
    return list(await asyncio.gather(*starts))


async def hold(fleet: Fleet, name: str, count: int = 8) -> list[str]:
    """Runs that stand still in the middle: a worker has claimed a step of each, and executes it."""
    runs = [await start(fleet, f"{name}-{number}", "held") for number in range(count)]
    await fleet.until(lambda: all(fleet.count(run)["hold"] for run in runs))
    return runs


def release(fleet: Fleet, runs: list[str]) -> None:
    """Let handlers that were held end."""
    assert not any(fleet.count(run)["after"] for run in runs)
    for run in runs:
        (fleet.trace / f"{run}.open").touch()


async def all_complete(
    fleet: Fleet, runs: list[str], timeout: float = WAIT_LIMIT, *, lost: bool = False
) -> None:
    """Every run completes, and its history says so once.

    The start comes first, unless it was lost meanwhile.
    """
    results = await asyncio.gather(*(fleet.client.result(run, timeout) for run in runs))
    assert {result.status for result in results} == {"COMPLETED"}
    for run in runs:
        types = await fleet.types(run)
        assert types[0] == "started" or (lost and types.count("started") == 1), types
        assert (types[-1], types.count("completed")) == ("completed", 1), types
