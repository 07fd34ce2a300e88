"""One server for all fleet tests, and one fleet for those that leave it as it is.

A test that kills, adds or counts things has a namespace, a coordinator and two workers of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
import pytest_asyncio

from bench.ports import free_port
from flowworker import wiring
from flowworker.definitions import load_paths
from flowworker.embedded import EmbeddedServer
from integration.fleet.fleet import Fleet

WORKFLOWS = Path(__file__).parent / "workflows.yaml"


@pytest.fixture(scope="session")
def fleet_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer(port=free_port()) as server:
        yield server


@pytest.fixture(scope="session")
def standing_processes(
    fleet_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """A namespace of which the first test starts the processes, when its workflows are there."""
    fleet = Fleet(fleet_server, f"s{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("standing"))
    yield fleet
    fleet.stop()


@pytest_asyncio.fixture
async def standing_fleet(standing_processes: Fleet) -> AsyncIterator[Fleet]:
    """A coordinator and two workers that others have used and will use."""
    fleet = standing_processes
    async with connected(fleet):
        if not fleet.processes:
            await start_all(fleet)
        yield fleet
        print(fleet.logs())


@pytest.fixture
def run() -> str:
    """An id that no other test has used."""
    return f"run-{uuid.uuid4().hex[:8]}"


@pytest_asyncio.fixture
async def empty_fleet(fleet_server: EmbeddedServer, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Nothing but a namespace with the workflows registered; tests start processes themselves."""
    async with opened(Fleet(fleet_server, f"f{uuid.uuid4().hex[:8]}", tmp_path)) as fleet:
        yield fleet


@pytest_asyncio.fixture
async def fleet(empty_fleet: Fleet) -> Fleet:
    """A coordinator and two workers."""
    await start_all(empty_fleet)
    return empty_fleet


@asynccontextmanager
async def opened(fleet: Fleet) -> AsyncIterator[Fleet]:
    """Connected, until its processes are stopped and their logs shown."""
    async with connected(fleet):
        try:
            yield fleet
        finally:
            fleet.stop()
            print(fleet.logs())


@asynccontextmanager
async def connected(fleet: Fleet) -> AsyncIterator[None]:
    """With the test's own client, and the workflows registered."""
    async with wiring.connect(fleet.server.url, namespace=fleet.namespace, create=True) as client:
        fleet.client = client
        for _, workflow in load_paths([WORKFLOWS]):
            await client.register(workflow)
        yield


async def start_all(fleet: Fleet) -> None:
    """Begin, and wait until commands are taken in: one that waited long is rejected much later."""
    coordinator = fleet.start("coordinator")
    fleet.start("worker")
    fleet.start("worker")

    async def is_ready() -> bool:
        return await fleet.readiness(coordinator) == HTTPStatus.OK

    await fleet.until(is_ready)
