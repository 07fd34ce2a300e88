"""A namespace is backed up under load, its server is lost, another one goes on with the backup."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.chaos.raw import Raw
from bench.ports import free_port
from flowworker import wiring
from flowworker.client import Client
from flowworker.core.event_types import ENDS
from flowworker.core.status import RunStatus
from flowworker.definitions import parse
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions, Names
from flowworker.jetstream.backups import take
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.manifest import Part
from flowworker.stores.stores import stores_of
from integration.cli.commands import Commands, until
from integration.faults.load import all_complete, start_many
from tests.support.waiting import WAIT_LIMIT, blocking_eventually

pytestmark = [pytest.mark.chaos]

LIMITED = """
name: limited
timeout: 12s
steps:
  - {id: wait, uses: sleep}
"""


async def lose(fleet, server: EmbeddedServer) -> None:
    """Everything at once, the disk too."""
    for process in fleet.processes:
        process.kill()
    fleet.client.close()
    await asyncio.to_thread(server.kill)


async def restore(server: EmbeddedServer, folder: Path) -> dict:
    arguments = ("namespace", "restore", str(folder))
    return await asyncio.to_thread(Commands(server.url).json, *arguments)


async def records(server: EmbeddedServer) -> dict[str, dict]:
    """All step records, by run and step."""
    async with Raw.connected(server.url) as raw:
        found = await raw.messages("KV_faults_runs", "$KV.faults_runs.step.>")
    read = [json.loads(each.data) for each in found]
    return {f"{each['run']} {each['step']}": each for each in read}


def running(commands: Commands) -> str:
    return commands("list", "--state", "RUNNING", "--json")


def runs_noted(fleet) -> Counter[str]:
    """How often each step's handler has begun, by run and step."""
    begun = (path.stem for path in fleet.trace.glob("*.log"))
    return Counter({f"{r} {s}": n for r in begun for s, n in fleet.count(r).items()})


async def all_ended(fleet, runs: list[str], last: str = "completed") -> None:
    """Each run's history begins and ends as it should. An event may come again, with its id."""
    for run in runs:
        await fleet.client.result(run, WAIT_LIMIT)
        await fleet.types(run)
        history = await fleet.client.history(run)
        types = list({event["id"]: event["type"] for event in history}.values())
        ends = [each for each in types if each in ENDS]
        assert (types[0], types[-1]) == ("workflow.started", f"workflow.{last}"), types
        assert ends == [types[-1]]


async def test_a_backup_under_load_goes_on_elsewhere(open_fleet, tmp_path):
    folder = tmp_path / "backup"
    with EmbeddedServer(port=free_port()) as lost, EmbeddedServer(port=free_port()) as spare:
        async with open_fleet(lost) as fleet:
            # Given a run in every state, and a load of others
            for role in ("coordinator", "worker"):
                fleet.start(role)
            await fleet.client.register(parse(LIMITED))
            done = [await fleet.client.start("chain", run_id=f"done-{n}") for n in range(3)]
            await all_complete(fleet, done)
            for run, workflow, given in (
                ("human", "human", {}),
                ("late", "retried.late", {"failures": 1}),
                ("undone", "slow.undo", {}),
                ("limited", "limited", {"seconds": 600}),
                ("running", "gated", {}),
            ):
                await fleet.client.start(workflow, given, run_id=run)
            await fleet.until(lambda: fleet.shows("human", "ask", "WAITING_HUMAN"))
            await fleet.until(lambda: fleet.shows("late", "try", "RETRYING"))
            await fleet.until(lambda: fleet.shows("undone", "done", "COMPENSATING"))
            await fleet.until(lambda: fleet.count("running")["wait"])
            await fleet.until(lambda: fleet.count("limited")["wait"])
            load = asyncio.create_task(start_many(fleet, 80, 0.03))
            await fleet.until(lambda: fleet.count("r-5")["bottom"])

            # When it is backed up meanwhile, and everything is lost
            taken = await asyncio.to_thread(
                Commands(lost.url).json, "namespace", "backup", "faults", str(folder)
            )
            await load
            await lose(fleet, lost)
            restored = await restore(spare, folder)
            finished, begun = await records(spare), runs_noted(fleet)

            # Then another fleet on another server ends all that is in the backup
            assert taken["messages"] == restored["messages"]
            fleet.server = spare
            async with wiring.nats(ConnectionOptions(url=spare.url), "faults") as backend:
                fleet.client = Client(stores_of(backend))
                there = {run.id for status in RunStatus for run in await fleet.client.list(status)}
                print(f"restored {restored['runs']}")
                assert {*done, "human", "late", "undone", "limited", "running"} <= there
                for role in ("coordinator", "worker"):
                    fleet.start(role)
                for run in ("human.permission", "running.open", "undone.open"):
                    (fleet.trace / run).touch()
                await fleet.client.resume("human", "retry", "ask")
                loaded = [run for run in there if run.startswith("r-")]
                assert len(loaded) > 5
                await all_ended(fleet, [*done, *loaded, "human", "late", "running"])
                await all_ended(fleet, ["undone", "limited"], "failed")
                assert "step.compensated" in await fleet.types("undone")

            # And nothing that was finished is repeated
            again = runs_noted(fleet) - begun
            ended = {key for key, one in finished.items() if one["outcome"] == "COMPLETED"}
            print(f"{len(ended)} finished steps in the backup, {again.total()} executions since")
            assert len(ended) > 3 * len(done)
            assert again["running wait"] == 1
            assert not ended & again.keys() - {"undone done"}  # its record is its compensation's


async def test_a_run_that_ends_while_it_is_taken_has_an_end(open_fleet, tmp_path):
    folder = tmp_path / "backup"
    with EmbeddedServer(port=free_port()) as lost, EmbeddedServer(port=free_port()) as spare:
        async with open_fleet(lost) as fleet:
            for role in ("coordinator", "worker"):
                fleet.start(role)
            run = await fleet.client.start("gated")
            await fleet.until(lambda: fleet.count(run)["wait"])
            commands = Commands(lost.url, FLOWWORKER_NAMESPACE="faults")

            def end(part: Part) -> None:
                """Let the run end behind the events and before the records."""
                if part.stream == "FAULTS_EVENTS":
                    (fleet.trace / f"{run}.open").touch()
                    with ThreadPoolExecutor(1) as pool:  # this thread's event loop is running
                        pool.submit(until, commands, run, "COMPLETED").result()
                        pool.submit(blocking_eventually, lambda: not running(commands)).result()

            connection = await connect(ConnectionOptions(url=lost.url))
            await take(connection, Names("faults"), folder, "0", lambda: 0.0, end)
            await connection.close()
            await lose(fleet, lost)
            assert (await restore(spare, folder))["runs"] == {"COMPLETED": 1, "RUNNING": 1}

            fleet.server = spare
            async with wiring.nats(ConnectionOptions(url=spare.url), "faults") as backend:
                fleet.client = Client(stores_of(backend))
                types = {event["type"] for event in await fleet.client.history(run)}
                assert types.isdisjoint(ENDS)  # or there would be nothing to mend
                fleet.start("coordinator")
                await all_ended(fleet, [run])

                async def unlisted() -> bool:
                    return not await fleet.client.list(RunStatus.RUNNING)

                await fleet.until(unlisted)
