"""`BlockingClient`: one connection for all threads of a process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bench.ports import free_port
from flowworker import BlockingClient, RunStatus, ServerUnavailable, Unavailable
from tests.support.waiting import WAIT_LIMIT, eventually

FORKING = """
import os, sys
from flowworker import BlockingClient

fleet = BlockingClient(sys.argv[1], namespace=sys.argv[2])
print("parent", len(fleet.definitions()), flush=True)
child = os.fork()
print("child" if child == 0 else "parent", fleet.run("diamond", timeout=100).status, flush=True)
if child:
    print("child ended with", os.waitpid(child, 0)[1], flush=True)
    print("parent", fleet.run("diamond", timeout=100).status, flush=True)
"""


def homes() -> int:
    return sum(thread.name == "flowworker-client" for thread in threading.enumerate())


async def test_many_threads_share_one_connection(fleet):
    client = BlockingClient(fleet.server.url, namespace=fleet.namespace)
    assert homes() == 0  # it connects when it is used

    def order(number: int) -> RunStatus:
        run = client.start("diamond", run_id=f"order-{number}")
        return client.result(run, timeout=WAIT_LIMIT).status

    def use() -> list[RunStatus]:
        with client, ThreadPoolExecutor(16) as threads:
            found = list(threads.map(order, range(32)))
            assert homes() == 1
            assert client.status("order-7").status is RunStatus.COMPLETED
            assert len(client.list(RunStatus.COMPLETED, "diamond")) == 32
            return found

    assert await asyncio.to_thread(use) == [RunStatus.COMPLETED] * 32
    assert homes() == 0


async def test_closing_ends_what_waits(empty_fleet):
    client = BlockingClient(empty_fleet.server.url, namespace=empty_fleet.namespace)
    run = await asyncio.to_thread(client.start, "diamond")  # and there is no coordinator
    waiting = asyncio.create_task(asyncio.to_thread(client.result, run))
    home = client._thread
    assert home is not None
    await eventually(lambda: run in home._client._waiting._waiters)

    await asyncio.to_thread(client.close)

    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable, match="closed"):
        client.definitions()


async def test_a_fleet_that_is_not_there_is_reported_at_each_use():
    client = BlockingClient(f"nats://127.0.0.1:{free_port()}")

    for _ in range(2):
        with pytest.raises(ServerUnavailable, match="no NATS server"):
            await asyncio.to_thread(client.definitions)

    await eventually(lambda: homes() == 0)


async def test_a_process_that_is_forked_has_a_connection_of_its_own(fleet):
    quiet = "ignore::DeprecationWarning"  # of Python, for a fork beside threads
    command = [sys.executable, "-W", quiet, "-c", FORKING, fleet.server.url, fleet.namespace]

    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=WAIT_LIMIT
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first, *more = done.stdout.splitlines()
    assert first.startswith("parent ")
    assert sorted(more) == [
        "child COMPLETED",
        "child ended with 0",
        "parent COMPLETED",
        "parent COMPLETED",
    ]
