"""NATS killed under load, and networks that are cut for longer than a lease."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.embedded import EmbeddedServer
from integration.faults.load import all_complete, start_many
from integration.jetstream.proxy import Proxy

pytestmark = pytest.mark.chaos


async def test_a_server_killed_under_load_loses_nothing(open_fleet):
    with EmbeddedServer() as server:
        async with open_fleet(server) as fleet:
            for role in ("coordinator", "worker", "worker"):
                fleet.start(role)

            load = asyncio.create_task(start_many(fleet, 80, 0.05))
            for _ in range(2):
                await asyncio.sleep(1.0)
                await asyncio.to_thread(server.kill)
                await asyncio.sleep(0.5)
                await asyncio.to_thread(server.start)

            await all_complete(fleet, await load)


async def test_a_worker_cut_off_for_longer_than_its_lease_is_replaced(open_fleet):
    with EmbeddedServer() as server:
        async with Proxy(server.url) as proxy, open_fleet(server) as fleet:
            # Given a step in the hands of a worker behind a network
            fleet.start("coordinator")
            fleet.start("worker", "--nats-url", proxy.url)
            await fleet.client.start("taken.over", run_id="r-1")
            await fleet.until(lambda: fleet.count("r-1")["block"])

            # When the network is cut
            proxy.shut = True
            proxy.cut()
            fleet.start("worker")

            # Then another one takes over, and the first is refused when it is back
            await all_complete(fleet, ["r-1"])
            assert fleet.count("r-1")["block"] == 2
            proxy.shut = False
            log = fleet.folder / "worker-1.log"
            await fleet.until(lambda: "refused: the claim was lost" in log.read_text())
            assert (await fleet.types("r-1")).count("step.completed") == 3


async def test_a_coordinator_cut_off_for_longer_than_its_lease_is_replaced(open_fleet):
    with EmbeddedServer() as server:
        async with Proxy(server.url) as proxy, open_fleet(server) as fleet:
            fleet.start("coordinator", "--nats-url", proxy.url)
            fleet.start("worker")
            load = asyncio.create_task(start_many(fleet, 60, 0.05))
            await fleet.until(lambda: fleet.count("r-0")["top"])

            proxy.shut = True
            proxy.cut()
            fleet.start("coordinator")

            await all_complete(fleet, await load)
            proxy.shut = False
            log = fleet.folder / "coordinator-0.log"
            await fleet.until(lambda: "partitions given up" in log.read_text())
