"""NATS killed under load, and networks that are cut for longer than a lease."""

from __future__ import annotations

import asyncio
import os
import shutil

import nats
import pytest

from bench.chaos.proxy import Proxy
from bench.ports import free_port
from flowworker.definitions import load_paths
from flowworker.embedded import EmbeddedServer
from flowworker.errors import FlowworkerError
from flowworker.jetstream.topology.options import DEFAULT_PARTITIONS
from integration.faults.conftest import WORKFLOWS
from integration.faults.load import all_complete, hold, release, start, start_many
from integration.fleet.fleet import Fleet
from tests.support.waiting import WAIT_LIMIT

pytestmark = pytest.mark.chaos

UNHURRIED = {
    "FLOWWORKER_DRAIN": str(10 * WAIT_LIMIT),
    "FLOWWORKER_PARTITION_LEASE": str(10 * WAIT_LIMIT),
}
"""No process is ended since its time is over while a test still waits for it."""


async def test_a_server_killed_under_load_loses_nothing(open_fleet):
    with EmbeddedServer(port=free_port()) as server:
        async with open_fleet(server) as fleet:
            for role in ("coordinator", "worker", "worker"):
                fleet.start(role)
            await fleet.until(lambda: all_say(fleet, 200))

            load = asyncio.create_task(start_many(fleet, 80, 0.05))
            in_flight = []
            for run in ("r-10", "r-40"):
                await fleet.until(lambda run=run: fleet.count(run)["top"])
                held = await hold(fleet, f"held-over-{run}")
                await asyncio.to_thread(server.kill)

                # Handlers end while no server is there to take their outcome
                release(fleet, held)
                in_flight += held
                await fleet.until(lambda: all_say(fleet, 503))
                await asyncio.to_thread(server.start)

            await all_complete(fleet, [*await load, *in_flight])


async def test_a_worker_cut_off_for_longer_than_its_lease_is_replaced(open_fleet):
    with EmbeddedServer(port=free_port()) as server:
        async with Proxy(server.url) as proxy, open_fleet(server) as fleet:
            # Given a step in the hands of a worker behind a network
            fleet.start("coordinator")
            cut_off = fleet.start("worker", "--nats-url", proxy.url)
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
            await fleet.until(lambda: fleet.metric(cut_off, "claims_lost_total"))
            assert (await fleet.types("r-1")).count("step.completed") == 3


async def test_a_coordinator_cut_off_for_longer_than_its_lease_is_replaced(open_fleet):
    with EmbeddedServer(port=free_port()) as server:
        async with Proxy(server.url) as proxy, open_fleet(server) as fleet:
            first = fleet.start("coordinator", "--nats-url", proxy.url)
            fleet.start("worker")
            load = asyncio.create_task(start_many(fleet, 60, 0.05))
            await fleet.until(lambda: fleet.count("r-0")["top"])

            proxy.shut = True
            proxy.cut()
            second = fleet.start("coordinator")
            await all_complete(fleet, await load)
            await fleet.until_owned({second: DEFAULT_PARTITIONS})

            # Then the first knows that it has lost them when it is back, and gets its share
            proxy.shut = False
            await fleet.until_owned(dict.fromkeys((first, second), DEFAULT_PARTITIONS // 2))


async def test_processes_whose_stderr_nobody_reads_go_on_and_end(open_fleet):
    with EmbeddedServer(port=free_port()) as server:
        async with open_fleet(server) as fleet:
            # Given a coordinator and a worker whose every line of log fails, and who are given
            # more time to end than we wait
            reader, writer = os.pipe()
            os.close(reader)
            for role in ("coordinator", "worker"):
                fleet.start(role, stderr=writer, **UNHURRIED)
            os.close(writer)
            result = await fleet.client.run("talkative", run_id="r-1", timeout=WAIT_LIMIT)
            assert result.status == "COMPLETED"

            # When NATS is gone for a while, then they are back with it
            await asyncio.to_thread(server.restart)
            await all_complete(fleet, [await start(fleet, "r-2", "talkative")])
            assert fleet.count("r-1") == fleet.count("r-2") == {"first": 1, "last": 1}

            # And when they are asked to end, then they do so by themselves
            for process in fleet.processes:
                process.terminate()
            for process in fleet.processes:
                assert await asyncio.to_thread(process.wait, WAIT_LIMIT) == 0


async def test_readiness_says_whether_there_is_a_server(open_fleet):
    with EmbeddedServer(port=free_port()) as server:
        async with open_fleet(server) as fleet:
            for role in ("coordinator", "worker"):
                fleet.start(role)

            await fleet.until(lambda: all_say(fleet, 200))
            await asyncio.to_thread(server.kill)
            await fleet.until(lambda: all_say(fleet, 503))
            await asyncio.to_thread(server.start)
            await fleet.until(lambda: all_say(fleet, 200))


async def test_a_server_that_comes_back_empty_is_set_up_again(open_fleet, tmp_path):
    store = tmp_path / "store"
    with EmbeddedServer(port=free_port(), store=store) as server:
        async with open_fleet(server) as fleet:
            fleet.start("coordinator")
            fleet.start("worker")
            await fleet.client.run("chain", run_id="r-1", timeout=WAIT_LIMIT)

            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(shutil.rmtree, store)
            await asyncio.to_thread(server.start)

            await fleet.until(lambda: starts_again(fleet, "r-2"))
            await all_complete(fleet, ["r-2"])


async def test_streams_that_somebody_removed_are_made_again(open_fleet):
    with EmbeddedServer(port=free_port()) as server:
        async with open_fleet(server) as fleet:
            fleet.start("coordinator")
            fleet.start("worker")
            await fleet.client.run("chain", run_id="r-1", timeout=WAIT_LIMIT)
            connection = await nats.connect(server.url)

            for lost in ("FAULTS_EVENTS", "KV_faults_runs"):
                await connection.jetstream().delete_stream(lost)

            await fleet.until(lambda: starts_again(fleet, "r-2"))
            await all_complete(fleet, ["r-2"])
            await connection.close()


async def all_say(fleet: Fleet, status: int) -> bool:
    """Whether that is every process' answer to whether it is ready."""
    return {await fleet.readiness(one) for one in fleet.processes} == {status}


async def starts_again(fleet: Fleet, run: str) -> bool:
    """Whether all that a run needs is there: a workflow, and somebody who takes the start."""
    try:
        for _, workflow in load_paths([WORKFLOWS]):
            await fleet.client.register(workflow)
        await fleet.client.start("chain", run_id=run)
        await fleet.client.status(run)
    except FlowworkerError:
        return False
    return True
