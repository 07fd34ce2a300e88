"""A server of its own for every test, since it is going to suffer; a fleet on it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from bench.chaos.cluster import Cluster
from flowworker import wiring
from flowworker.client import Client
from flowworker.definitions import load_paths
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions, TopologyOptions
from flowworker.jetstream.topology.durability import Durability
from flowworker.stores.stores import stores_of
from integration.fleet.fleet import Fleet

WORKFLOWS = Path(__file__).parents[1] / "fleet" / "workflows.yaml"

OpenFleet = Callable[..., AbstractAsyncContextManager[Fleet]]


@pytest.fixture
def open_fleet(tmp_path: Path) -> OpenFleet:
    """A namespace with the workflows of the fleet tests; tests start processes themselves."""

    @asynccontextmanager
    async def opened(
        server: EmbeddedServer | Cluster,
        replicas: int = 1,
        durability: Durability | None = None,
        shards: int = 1,
    ) -> AsyncIterator[Fleet]:
        fleet = Fleet(server, "faults", tmp_path)  # type: ignore[arg-type]
        options = ConnectionOptions(url=server.url, wait=60.0)
        topology = TopologyOptions(replicas=replicas, durability=durability, shards=shards)
        async with contextlib.AsyncExitStack() as stack:
            backend = await stack.enter_async_context(
                wiring.nats(options, fleet.namespace, topology=topology)
            )
            fleet.client = Client(stores_of(backend))
            for _, workflow in load_paths([WORKFLOWS]):
                await fleet.client.register(workflow)
            try:
                yield fleet
            finally:
                fleet.client.close()
                fleet.stop()
                print(fleet.logs())

    return opened
