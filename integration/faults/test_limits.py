"""Full streams and full disks: a clear error, and nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import json
import resource

import pytest

from bench.chaos.raw import Raw
from bench.ports import free_port
from flowworker.embedded import EmbeddedServer
from flowworker.errors import Unavailable
from integration.faults.load import all_complete
from integration.fleet.fleet import Fleet
from tests.support.waiting import WAIT_LIMIT

pytestmark = pytest.mark.chaos


async def fill(fleet: Fleet, runs: list[str]) -> None:
    """Start runs for ever; those that were acknowledged are added."""
    while True:
        given = {"size": 40_000, "pad": "x" * 20_000}
        run = f"r-{len(runs)}"
        runs.append(await fleet.client.start("offloaded", given, run_id=run))


async def test_a_full_commands_stream_pushes_back(open_fleet):
    with EmbeddedServer(port=free_port()) as server:
        async with open_fleet(server) as fleet, Raw.connected(server.url) as raw:
            # Given a commands stream with room for ten, and nobody who takes them
            config = (await raw.api("STREAM.INFO.FAULTS_COMMANDS"))["config"]
            await raw.api("STREAM.UPDATE.FAULTS_COMMANDS", {**config, "max_msgs": 10})
            runs = [await fleet.client.start("chain", run_id=f"r-{n}") for n in range(10)]

            # When one more comes, then its client is notified
            with pytest.raises(Unavailable, match="full, give it more room"):
                await fleet.client.start("chain", run_id="r-10")

            # And once somebody takes them there is room again
            fleet.start("coordinator")
            fleet.start("worker")
            await all_complete(fleet, runs)
            runs = [await fleet.client.start("chain", run_id="r-10")]
            await all_complete(fleet, runs)


async def test_a_full_disk_stops_the_fleet_and_loses_nothing(open_fleet, tmp_path):
    store = tmp_path / "store"

    def limited(size: str) -> EmbeddedServer:
        jetstream = f"jetstream {{store_dir: {json.dumps(str(store))}, max_file_store: {size}}}"
        return EmbeddedServer(port=free_port(), store=store, config=jetstream)

    server = limited("3MB")
    with server:
        async with open_fleet(server) as fleet:
            # Given a fleet that is given more than its disk holds
            fleet.start("coordinator")
            fleet.start("worker")
            runs: list[str] = []
            async with asyncio.timeout(WAIT_LIMIT):
                with pytest.raises(Unavailable, match="full, give it more room"):
                    await fill(fleet, runs)

            # When the server comes back with more room
            await asyncio.to_thread(server.stop)
            server._config = limited("100MB")._config
            await asyncio.to_thread(server.start)

            # Then all that was acknowledged goes on by itself
            await all_complete(fleet, runs)


async def test_a_file_system_that_refuses_writes_loses_nothing(open_fleet):
    with EmbeddedServer(port=free_port()) as server:
        async with open_fleet(server) as fleet:
            # Given a fleet at work whose server can write to no file any more
            fleet.start("coordinator")
            fleet.start("worker")
            await all_complete(fleet, [await fleet.client.start("chain", run_id="first")])
            runs = [await fleet.client.start("chain", run_id=f"r-{n}") for n in range(20)]
            assert server.pid is not None
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, most))
            async with asyncio.timeout(WAIT_LIMIT):
                with pytest.raises(Unavailable):
                    await fill(fleet, runs)
            runs.pop()  # that one was refused

            # When it can again, which it does not notice before it is started anew
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)

            # Then all that was acknowledged goes on by itself, in the same processes
            await all_complete(fleet, runs)
            assert [process.poll() for process in fleet.processes] == [None, None]
