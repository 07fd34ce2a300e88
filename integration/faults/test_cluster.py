"""A cluster of three: a node killed, leaders stepped down, quorum lost, all under load."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from bench.chaos.cluster import Cluster
from bench.chaos.raw import Raw, Refused
from flowworker.errors import Unavailable
from integration.faults.load import all_complete, hold, release, start, start_many
from tests.support.waiting import quiet_for

pytestmark = [pytest.mark.chaos]


async def test_a_node_killed_and_leaders_stepped_down_lose_nothing(open_fleet):
    with Cluster(3) as cluster:
        async with open_fleet(cluster, replicas=3) as fleet, Raw.connected(cluster.url) as raw:
            for role in ("coordinator", "worker", "worker"):
                fleet.start(role)

            load = asyncio.create_task(start_many(fleet, 60, 0.08))
            await fleet.until(lambda: fleet.count("r-0")["top"])
            held = await hold(fleet, "held")
            leader = (await raw.api("STREAM.INFO.KV_faults_runs"))["cluster"]["leader"]
            await asyncio.to_thread(cluster.nodes[int(leader[1:])].kill)
            release(fleet, held)
            await quiet_for(1.0)  # the others are about to elect
            for stream in ("FAULTS_EVENTS", "FAULTS_STEPS", "KV_faults_runs"):
                try:
                    await raw.api(f"STREAM.LEADER.STEPDOWN.{stream}")
                except (Refused, TimeoutError, OSError):
                    continue  # it is just being elected
            await asyncio.to_thread(cluster.start)

            await all_complete(fleet, [*await load, *held])


async def test_work_waits_while_there_is_no_quorum(open_fleet):
    with Cluster(3) as cluster:
        async with open_fleet(cluster, replicas=3) as fleet:
            for role in ("coordinator", "worker"):
                fleet.start(role)
            load = asyncio.create_task(start_many(fleet, 30, 0.1))
            await fleet.until(lambda: fleet.count("r-0")["top"])
            held = await hold(fleet, "held")

            hung = [node.pid for node in cluster.nodes[1:] if node.pid is not None]
            for pid in hung:
                os.kill(pid, signal.SIGSTOP)
            release(fleet, held)

            # Then what is in flight stands still, and no start is acknowledged
            waiting = asyncio.create_task(start(fleet, "waiting"))
            await refused(fleet)  # the one who asked just before may have had an answer until now
            begun = notes(fleet)
            await refused(fleet)
            assert notes(fleet) == begun
            assert not waiting.done()

            # And when there is a quorum, all of it goes on
            for pid in hung:
                os.kill(pid, signal.SIGCONT)
            await all_complete(fleet, [*await load, *held, await waiting])


def notes(fleet):
    """What all handlers have noted."""
    return {path.name: path.read_text() for path in fleet.trace.iterdir()}


async def refused(fleet):
    """A start that has no answer for as long as a client is patient."""
    with pytest.raises(Unavailable):
        await fleet.client.start("diamond", run_id="refused")


async def test_processes_that_start_without_a_quorum_wait_for_it(open_fleet):
    with Cluster(3) as cluster:
        async with open_fleet(cluster, replicas=3) as fleet:
            hung = [node.pid for node in cluster.nodes[1:] if node.pid is not None]
            for pid in hung:
                os.kill(pid, signal.SIGSTOP)
            processes = [fleet.start(role) for role in ("coordinator", "worker")]
            await quiet_for(6.0)  # longer than a request waits for its answer
            assert [process.poll() for process in processes] == [None, None]
            for pid in hung:
                os.kill(pid, signal.SIGCONT)

            await all_complete(fleet, await start_many(fleet, 5, 0.1))
            assert [process.poll() for process in processes] == [None, None]
