"""A fleet whose runs are spread over several streams of each kind."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from flowworker.embedded import EmbeddedServer
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.options import ConnectionOptions
from flowworker.jetstream.names import Names
from flowworker.jetstream.shards import Spread
from integration.cli.commands import Commands
from integration.fleet.conftest import opened, start_all
from integration.fleet.fleet import Fleet
from tests.support.waiting import WAIT_LIMIT, eventually

SHARDS = 3
RUNS = [f"r-{number}" for number in range(24)]
"""Some in each shard."""


@pytest.fixture
def namespace() -> str:
    return f"f{uuid.uuid4().hex[:8]}"


@pytest.fixture
def commands(fleet_server: EmbeddedServer, namespace: str) -> Commands:
    made = Commands(fleet_server.url, FLOWWORKER_NAMESPACE=namespace, FLOWWORKER_SHARDS=str(SHARDS))
    said = made("setup", "--queue", "default")
    assert said == (
        f"namespace {namespace} is there: 13 streams, 16 partitions in 3 shards, durability "
        "process\n"
    )
    return made


@pytest_asyncio.fixture
async def sharded(  # by `commands`, which has made the namespace
    commands: Commands, fleet_server: EmbeddedServer, namespace: str, tmp_path: Path
) -> AsyncIterator[Fleet]:
    async with opened(Fleet(fleet_server, namespace, tmp_path)) as fleet:
        yield fleet


@pytest_asyncio.fixture
async def api(fleet_server: EmbeddedServer) -> AsyncIterator[Api]:
    connection = await connect(ConnectionOptions(url=fleet_server.url))
    yield Api(connection)
    await connection.close()


async def said(commands: Commands, *arguments: str) -> str:
    """What a command prints that ends well."""
    done = await asyncio.to_thread(commands.process, *arguments)
    assert done.returncode == 0, done
    return done.stdout


async def is_at(fleet: Fleet, run: str, status: str) -> None:
    async def is_so() -> bool:
        return (await fleet.client.status(run)).status == status

    await fleet.until(is_so)


async def held(api: Api, stream: str) -> int:
    return (await api.call(f"STREAM.INFO.{stream}"))["state"]["messages"]


async def test_each_shard_has_its_runs_and_each_run_all_of_its_own(sharded, commands, api):
    # Given runs of which some wait for a retry, some fan out, some wait for a human
    fleet, client = sharded, sharded.client
    await start_all(fleet)
    of = {"chain": RUNS[:8], "retried": RUNS[8:16], "human": RUNS[16:]}
    for workflow, runs in of.items():
        given = {"failures": 2} if workflow == "retried" else {}
        for run in runs:
            await client.start(workflow, given, run_id=run)

    # When a coordinator and a worker are killed meanwhile
    await fleet.until(lambda: fleet.count(RUNS[0])["a"])
    for process in fleet.processes[:2]:
        process.kill()
        await asyncio.to_thread(process.wait)
    fleet.start("coordinator")
    for run in of["human"]:
        await is_at(fleet, run, "WAITING_HUMAN")
        await client.resume(run, "skip")

    # Then all of them end, and each list has them all
    results = await asyncio.gather(*(client.result(run, WAIT_LIMIT) for run in RUNS))
    assert {result.status for result in results} == {"COMPLETED"}
    assert sorted(run.id for run in await client.list()) == sorted(RUNS)
    for run in of["chain"]:
        types = await fleet.types(run)
        assert (types[0], types[-1], types.count("completed")) == ("started", "completed", 1)
        assert types.count("step.completed") == 3

    # And the streams of each shard have their share, and no other
    names = Names(fleet.namespace, Spread(16, SHARDS))
    for number, shard in enumerate(names.shards):
        mine = [run for run in RUNS if names.spread.shard_of(run) == number]
        keys = [shard.runs.filter(f"run.{run}") for run in mine]
        found = await api.call(f"STREAM.INFO.{shard.runs.stream}", {"subjects_filter": ">"})
        subjects = found["state"]["subjects"]
        assert mine
        assert sorted(key for key in subjects if ".run." in key) == sorted(keys)
        assert await held(api, shard.events)
        assert await held(api, shard.steps)  # the alarms of their retention

    report = await said(commands, "doctor")
    assert "as they must be, 16 partitions in 3 shards" in report
    assert "problem" not in report


async def test_what_is_retained_no_longer_is_gone_from_each_shard(sharded, api):
    fleet = sharded
    for _ in range(2):
        fleet.start("coordinator", FLOWWORKER_RETENTION="1")
    fleet.start("worker")
    for run in RUNS:
        await fleet.client.start("diamond", run_id=run)

    names = Names(fleet.namespace, Spread(16, SHARDS))
    streams = [one for shard in names.shards for one in (shard.events, shard.steps)]

    async def are_empty() -> bool:
        return not any([await held(api, stream) for stream in streams])

    await eventually(are_empty)
    assert await fleet.client.list() == []


async def test_a_queue_that_pauses_hands_nothing_out_of_any_shard(sharded, commands):
    fleet = sharded
    await start_all(fleet)
    await said(commands, "pause", "--queue", "default")
    for run in RUNS:
        await fleet.client.start("chain", run_id=run)
    for run in RUNS:
        await is_at(fleet, run, "RUNNING")
    assert not any(fleet.count(run) for run in RUNS)

    await said(commands, "unpause", "--queue", "default")

    results = await asyncio.gather(*(fleet.client.result(run, WAIT_LIMIT) for run in RUNS))
    assert {result.status for result in results} == {"COMPLETED"}


async def test_a_backup_has_all_shards(sharded, commands, tmp_path):
    fleet, folder = sharded, str(tmp_path / "backup")
    await start_all(fleet)
    for run in RUNS:
        await fleet.client.start("chain", run_id=run)
    await asyncio.gather(*(fleet.client.result(run, WAIT_LIMIT) for run in RUNS))
    before = {run: await fleet.client.status(run) for run in RUNS}
    await asyncio.to_thread(fleet.stop)

    took = await said(commands, "namespace", "backup", fleet.namespace, folder)
    removed = await eventually(lambda: removal(commands, fleet.namespace))
    made = await said(commands, "namespace", "restore", folder)

    assert len(took.splitlines()) == len(removed.splitlines()) == 14
    assert made.splitlines()[-1].endswith(f"runs: {len(RUNS)} COMPLETED")
    assert {run: await fleet.client.status(run) for run in RUNS} == before


async def removal(commands: Commands, namespace: str) -> str:
    """What it says; nothing as long as requests wait of those who have stopped."""
    done = await asyncio.to_thread(commands.process, "namespace", "delete", namespace, "--yes")
    return done.stdout


async def test_their_number_is_fixed(commands, namespace, api):
    other = Commands(commands.url, FLOWWORKER_NAMESPACE=namespace, FLOWWORKER_SHARDS="4")
    line = await refusal(other)
    stream = f"{namespace.upper()}_EVENTS"
    assert line == (
        f"stream {stream}: 4 shards are asked for, found 3; their number is fixed when a "
        "namespace is created: leave it out, or use another namespace"
    )

    # Also where the stream is lost that says it first
    await api.call(f"STREAM.DELETE.{stream}")
    line = await refusal(other)
    assert line.startswith(f"stream KV_{namespace}_runs: 4 shards are asked for, found 3")
    again = Commands(commands.url, FLOWWORKER_NAMESPACE=namespace)
    assert "13 streams, 16 partitions in 3 shards" in await said(again, "setup")


async def refusal(commands: Commands) -> str:
    done = await asyncio.to_thread(commands.process, "setup")
    assert done.returncode == 1, done
    return done.stderr.strip().removeprefix("error: ")
