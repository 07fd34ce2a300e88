"""Once a run's retention is over, the server has nothing left of it."""

from __future__ import annotations

import asyncio

import pytest

from bench.chaos.raw import Raw
from flowworker.definitions import parse
from flowworker.embedded import EmbeddedServer
from integration.faults.load import all_complete
from tests.support.waiting import WAIT_LIMIT, quiet_for

pytestmark = pytest.mark.chaos

KEPT = """
name: kept.briefly
retention: 2s
timeout: 1h
steps:
  - {id: make, uses: big, saga: {uses: undo}}
  - {id: measure, uses: size.of.blob, depends_on: [make]}
  - {id: bad, uses: fail, depends_on: [make], fallback: {uses: ok}}
"""
LEASES = ("$KV.faults_locks.",)


async def left(raw: Raw) -> dict[str, list[str]]:
    """Subjects by stream, but for definitions and leases."""
    found = {
        name: [s for s in await raw.subjects(name) if not s.startswith(LEASES)]
        for name in await raw.streams()
    }
    del found["KV_faults_definitions"]
    return {name: subjects for name, subjects in found.items() if subjects}


async def gone(raw: Raw) -> bool:
    return await left(raw) == {}


async def test_retention_leaves_nothing(open_fleet):
    with EmbeddedServer() as server:
        async with open_fleet(server) as fleet, Raw.connected(server.url) as raw:
            fleet.start("coordinator")
            fleet.start("worker")
            await fleet.client.register(parse(KEPT))
            assert await left(raw) == {}

            runs = [f"r-{number}" for number in range(40)]
            for run in runs:
                await fleet.client.start("kept.briefly", {"size": 50_000}, run_id=run)
            await asyncio.gather(*(fleet.client.result(run, WAIT_LIMIT) for run in runs[:20]))
            await all_complete(fleet, runs[38:])
            await fleet.until(lambda: gone(raw))


async def test_a_finished_run_whose_timer_was_purged_is_removed_all_the_same(open_fleet):
    with EmbeddedServer() as server:
        async with open_fleet(server) as fleet, Raw.connected(server.url) as raw:
            # Given finished runs, and somebody who purges the stream in which their timers wait
            former = fleet.start("coordinator", FLOWWORKER_SWEEP="60")
            fleet.start("worker")
            await fleet.client.register(parse(KEPT.replace("2s", "4s")))
            runs = [f"r-{number}" for number in range(5)]
            for run in runs:
                await fleet.client.start("kept.briefly", {"size": 50}, run_id=run)
            await all_complete(fleet, runs)
            await raw.api("STREAM.PURGE.FAULTS_STEPS")
            await quiet_for(5.0)  # longer than they are kept
            assert (await fleet.client.status("r-0")).status == "COMPLETED"

            # When another coordinator drives the first partition, then it finds them
            former.kill()
            fleet.start("coordinator")
            await fleet.until(lambda: gone(raw))
