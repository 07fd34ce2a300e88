"""Coordinators that come, go, and hang for longer than their leases."""

from __future__ import annotations

import asyncio
import signal

import pytest

from flowworker.embedded import EmbeddedServer
from flowworker.jetstream.topology.options import DEFAULT_PARTITIONS
from integration.faults.load import all_complete, start_many

pytestmark = pytest.mark.chaos

ALL = DEFAULT_PARTITIONS
HALF = ALL // 2


async def test_a_coordinator_that_hangs_does_no_harm_when_it_wakes(open_fleet):
    with EmbeddedServer() as server:
        async with open_fleet(server) as fleet:
            # Given two coordinators that share the partitions
            hung = fleet.start("coordinator")
            other = fleet.start("coordinator")
            fleet.start("worker")
            await fleet.until_owned({hung: HALF, other: HALF})
            load = asyncio.create_task(start_many(fleet, 100, 0.06))
            await fleet.until(lambda: fleet.count("r-0")["top"])

            # When one hangs until the other has them all, and wakes in the midst of the load
            hung.send_signal(signal.SIGSTOP)
            await fleet.until_owned({other: ALL})
            hung.send_signal(signal.SIGCONT)

            # Then every run goes its way once, and the partitions are shared again
            runs = await load
            await all_complete(fleet, runs)
            for run in runs:
                assert fleet.count(run) == {"top": 1, "left": 1, "right": 1, "bottom": 1}
            await fleet.until_owned({hung: HALF, other: HALF})
            assert (hung.poll(), other.poll()) == (None, None)
