"""What was lost is made good; what waits survives a restart of everything."""

from __future__ import annotations

import asyncio

import pytest

from bench.chaos.raw import Raw
from bench.ports import free_port
from flowworker.definitions import parse
from flowworker.embedded import EmbeddedServer
from integration.faults.load import all_complete
from tests.support.waiting import WAIT_LIMIT, quiet_for

pytestmark = pytest.mark.chaos

LATER = """
name: later
timeout: {timeout}
steps:
  - {{id: try, uses: flaky, retry: {{max_attempts: 3, interval: 5s}}}}
  - {{id: wait, uses: sleep, depends_on: [try]}}
"""


async def _queued(raw: Raw, messages: int) -> bool:
    streams = await raw.streams()
    return bool(streams["FAULTS_STEPS"]["state"]["messages"] == messages)


async def test_purged_streams_are_made_good(open_fleet):
    with EmbeddedServer(port=free_port()) as server:
        async with open_fleet(server) as fleet, Raw.connected(server.url) as raw:
            # Given runs whose first steps are queued, and one that is to be tried again later
            fleet.start("coordinator")
            late = await fleet.client.start("retried.late", {"failures": 1})
            worker = fleet.start("worker")
            await fleet.until(lambda: fleet.count(late)["try"])
            await fleet.until(lambda: fleet.shows(late, "try", "RETRYING"))
            worker.terminate()  # gently: a killed one may leave its message unacknowledged
            await asyncio.to_thread(worker.wait, WAIT_LIMIT)
            runs = [await fleet.client.start("diamond", run_id=f"r-{n}") for n in range(20)]
            await fleet.until(lambda: _queued(raw, 21))

            # When somebody purges both streams, while their message ids are still remembered
            for stream in ("FAULTS_STEPS", "FAULTS_EVENTS"):
                await raw.api(f"STREAM.PURGE.{stream}")
            assert await _queued(raw, 0)

            # Then every step is enqueued again, and once
            fleet.start("worker")
            results = [await fleet.client.result(run, WAIT_LIMIT) for run in [*runs, late]]
            assert {result.status for result in results} == {"COMPLETED"}
            for run in runs:
                assert fleet.count(run) == dict.fromkeys(("top", "left", "right", "bottom"), 1)


async def test_what_is_queued_is_not_enqueued_again(open_fleet):
    with EmbeddedServer(port=free_port()) as server:
        async with open_fleet(server) as fleet, Raw.connected(server.url) as raw:
            fleet.start("coordinator")
            runs = [await fleet.client.start("chain", run_id=f"r-{n}") for n in range(10)]
            await fleet.until(lambda: _queued(raw, 10))

            # When a coordinator looks at runs without progress again and again
            await quiet_for(7.0)  # some sweeps

            assert await _queued(raw, 10)
            fleet.start("worker")
            await all_complete(fleet, runs)


async def test_what_waits_survives_a_restart_of_everything(open_fleet):
    server = EmbeddedServer(port=free_port())
    with server:
        async with open_fleet(server) as fleet:
            # Given a run that waits for a human, one for its next attempt, one for its timeout
            for role in ("coordinator", "worker"):
                fleet.start(role)
            for name, timeout in (("patient", "1h"), ("short", "9s")):
                definition = LATER.format(timeout=timeout).replace("later", f"later.{name}")
                await fleet.client.register(parse(definition))
            human = await fleet.client.start("human")
            retried = await fleet.client.start("later.patient", {"failures": 1, "seconds": 0})
            limited = await fleet.client.start("later.short", {"failures": 1, "seconds": 600})
            await fleet.until(lambda: fleet.shows(human, "ask", "WAITING_HUMAN"))
            for run in (retried, limited):
                await fleet.until(lambda run=run: fleet.shows(run, "try", "RETRYING"))

            # When everything is killed and started again
            for process in fleet.processes:
                process.kill()
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            for role in ("coordinator", "worker"):
                fleet.start(role)

            # Then each goes on when its time has come
            ended = await fleet.client.result(limited, WAIT_LIMIT)
            assert ended.status == "FAILED"
            assert (await fleet.client.result(retried, WAIT_LIMIT)).status == "COMPLETED"
            assert fleet.count(retried) == {"try": 2, "wait": 1}
            assert (await fleet.client.status(human)).status == "WAITING_HUMAN"
            (fleet.trace / f"{human}.permission").touch()
            await fleet.client.resume(human, "retry", "ask")
            await all_complete(fleet, [human])
