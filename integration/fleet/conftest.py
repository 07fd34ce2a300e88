"""One server for all fleet tests; a namespace, a coordinator and two workers for each."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from flowworker import wiring
from flowworker.definitions import load_paths
from flowworker.embedded import EmbeddedServer
from integration.fleet.fleet import Fleet

WORKFLOWS = Path(__file__).parent / "workflows.yaml"


@pytest.fixture(scope="session")
def fleet_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


@pytest_asyncio.fixture
async def empty_fleet(fleet_server: EmbeddedServer, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Nothing but a namespace with the workflows registered; tests start processes themselves."""
    fleet = Fleet(fleet_server, f"f{uuid.uuid4().hex[:8]}", tmp_path)
    async with wiring.connect(fleet_server.url, namespace=fleet.namespace, create=True) as client:
        fleet.client = client
        for _, workflow in load_paths([WORKFLOWS]):
            await client.register(workflow)
        try:
            yield fleet
        finally:
            fleet.stop()
            print(fleet.logs())


@pytest_asyncio.fixture
async def fleet(empty_fleet: Fleet) -> Fleet:
    """A coordinator and two workers."""
    empty_fleet.start("coordinator")
    empty_fleet.start("worker")
    empty_fleet.start("worker")
    return empty_fleet
