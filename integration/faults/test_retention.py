"""Once a run's retention is over, the server has nothing left of it."""

from __future__ import annotations

import asyncio

import pytest

from bench.chaos.raw import Raw
from flowworker.definitions import parse
from flowworker.embedded import EmbeddedServer
from integration.faults.load import all_complete

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


async def test_retention_leaves_nothing(open_fleet):
    with EmbeddedServer() as server:
        async with open_fleet(server) as fleet, Raw.connected(server.url) as raw:

            async def left() -> dict[str, list[str]]:
                found = {
                    name: [s for s in await raw.subjects(name) if not s.startswith(LEASES)]
                    for name in await raw.streams()
                }
                del found["KV_faults_definitions"]
                return {name: subjects for name, subjects in found.items() if subjects}

            fleet.start("coordinator")
            fleet.start("worker")
            await fleet.client.register(parse(KEPT))
            assert await left() == {}

            runs = [f"r-{number}" for number in range(40)]
            for run in runs:
                await fleet.client.start("kept.briefly", {"size": 50_000}, run_id=run)
            await asyncio.gather(*(fleet.client.result(run, 30) for run in runs[:20]))
            await all_complete(fleet, runs[38:])

            async def gone() -> bool:
                return await left() == {}

            await fleet.until(gone)
