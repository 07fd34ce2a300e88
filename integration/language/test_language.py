"""The language, section by section: the same ends on a fleet whose processes are killed meanwhile,
and in a `Runner` in this process on memory, on NATS and on Redis.

`workflows/` has the workflows, `expected/` the runs and their ends, written down once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from pathlib import Path

import pytest
from msgspec import to_builtins

from flowworker import (
    InMemStore,
    NATSStore,
    RedisStore,
    RunCancelled,
    RunFailed,
    Runner,
    RunNotFound,
    StateStore,
    TopologyOptions,
    wiring,
)
from flowworker.definitions import load_paths
from flowworker.settings import settings_from
from integration.fleet.fleet import SETTINGS, Fleet
from integration.language import handlers
from integration.language.cases import WORKFLOWS, Case, End, cases
from integration.language.handlers import Notes
from integration.language.killing import Killer
from integration.language.playing import play_all, start_by
from tests.support.waiting import eventually

pytestmark = [pytest.mark.slow]

WAVE = 8
"""Runs that are started on the fleet between two kills, so that each kill meets active ones."""


def as_written(ends: dict[str, End]) -> None:
    """Compare each end with what `expected/` says."""
    expected = {case.run: case.end for case in cases()}
    assert to_builtins(ends) == to_builtins(expected)


async def in_a_runner(store: StateStore, folder: Path) -> dict[str, End]:
    """All runs in one `Runner`; its method has no delay, so that such a start is a client's."""
    async with Runner(store=store, app=handlers.app) as runner, asyncio.TaskGroup() as executions:
        runner.set_runtime(Notes(folder))
        client = (await runner.running()).client
        for _, workflow in load_paths([WORKFLOWS]):
            runner.register(workflow)
            await client.register(workflow)

        async def execute(case: Case) -> None:
            with contextlib.suppress(RunFailed, RunCancelled):
                await runner.execute_sync(case.run, case.workflow, case.input)

        async def is_known(run: str) -> bool:
            with contextlib.suppress(RunNotFound):
                return bool(await client.status(run))
            return False

        async def start(case: Case) -> None:
            if case.start:
                await start_by(client, case)
            else:
                executions.create_task(execute(case))
                await eventually(lambda: is_known(case.run))

        return await play_all(cases(), client, Notes(folder), start)


@pytest.fixture(params=["memory", "nats", "redis"])
async def store(request, namespace):
    made: StateStore
    match request.param:
        case "memory":
            made = InMemStore()
        case "nats":
            url = request.getfixturevalue("server").url
            topology = TopologyOptions(storage="memory")
            made = NATSStore(url, namespace=namespace, topology=topology, create=True)
        case _:
            made = RedisStore(request.getfixturevalue("redis_server").url, namespace=namespace)
    yield made
    await made.close()


async def test_in_a_runner(store, tmp_path):
    as_written(await in_a_runner(store, tmp_path))


@pytest.mark.chaos
async def test_on_a_fleet_whose_processes_are_killed_meanwhile(server, namespace, tmp_path):
    fleet = Fleet(server, namespace, tmp_path)
    notes = Notes(fleet.trace)
    settings = settings_from(SETTINGS)
    connected = wiring.connect(server.url, namespace=namespace, settings=settings, create=True)
    async with connected as client:
        for _, workflow in load_paths([WORKFLOWS]):
            await client.register(workflow)

        started = itertools.count()

        async def start(case: Case) -> None:
            await killer.has_killed(next(started) // WAVE)
            await start_by(client, case)

        try:
            async with Killer(fleet, seed=1) as killer:
                ends = await play_all(cases(), client, notes, start)
        finally:
            fleet.stop()
            print(fleet.logs())
    as_written(ends)
    assert killer.killed.keys() == {"coordinator", "worker"}
