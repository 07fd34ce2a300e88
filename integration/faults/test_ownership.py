"""Coordinators that come, go, and hang for longer than their leases."""

from __future__ import annotations

import asyncio
import signal

import pytest

from flowworker.embedded import EmbeddedServer
from integration.faults.load import all_complete, start_many

pytestmark = pytest.mark.chaos


async def test_a_coordinator_that_hangs_does_no_harm_when_it_wakes(open_fleet):
    with EmbeddedServer() as server:
        async with open_fleet(server) as fleet:
            # Given two coordinators that share the partitions
            hung = fleet.start("coordinator")
            other = fleet.start("coordinator")
            fleet.start("worker")
            logs = [fleet.folder / f"coordinator-{number}.log" for number in range(2)]
            await fleet.until(lambda: all("partitions taken" in log.read_text() for log in logs))
            load = asyncio.create_task(start_many(fleet, 100, 0.06))
            await fleet.until(lambda: fleet.count("r-0")["top"])

            # When one hangs for longer than its leases and wakes in the midst of the load
            hung.send_signal(signal.SIGSTOP)
            await asyncio.sleep(4.0)
            hung.send_signal(signal.SIGCONT)

            # Then every run goes its way once, and the partitions are shared again
            runs = await load
            await all_complete(fleet, runs)
            for run in runs:
                assert fleet.count(run) == {"top": 1, "left": 1, "right": 1, "bottom": 1}
            await fleet.until(lambda: "partitions given up" in logs[0].read_text())
            assert (hung.poll(), other.poll()) == (None, None)
