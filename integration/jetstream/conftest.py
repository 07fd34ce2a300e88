"""The parts of the adapter, one by one, over the session's server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from bench.chaos.proxy import Proxy
from bench.ports import free_port
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions, Names
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import Connection, connect
from flowworker.jetstream.client.publisher import Publisher
from flowworker.jetstream.records import BucketRecords
from flowworker.jetstream.topology.streams import Topology
from integration.jetstream.lane import IN_MEMORY, Lane


@pytest_asyncio.fixture
async def connection(options: ConnectionOptions) -> AsyncIterator[Connection]:
    opened = await connect(options)
    yield opened
    await opened.close()


@pytest.fixture
def names(namespace: str) -> Names:
    return Names(namespace)


@pytest.fixture
def api(connection: Connection) -> Api:
    return Api(connection)


@pytest_asyncio.fixture
async def topology(api: Api, names: Names) -> Topology:
    made = Topology(api, names, IN_MEMORY)
    await made.ensure()
    return made


@pytest.fixture
def publisher(connection: Connection, topology: Topology) -> Publisher:
    return Publisher(connection)


@pytest.fixture
def runs(publisher: Publisher, api: Api, names: Names) -> BucketRecords:
    return BucketRecords(publisher, api, names.first.runs)


@pytest_asyncio.fixture
async def proxy(server: EmbeddedServer) -> AsyncIterator[Proxy]:
    """A network between us and the server that can fail."""
    async with Proxy(server.url) as running:
        yield running


@pytest_asyncio.fixture
async def proxied(proxy: Proxy, topology: Topology) -> AsyncIterator[Connection]:
    """A connection through the proxy."""
    opened = await connect(ConnectionOptions(url=proxy.url))
    yield opened
    await opened.close()


@pytest.fixture
def own_server(tmp_path) -> Iterator[EmbeddedServer]:
    """A server to kill."""
    with EmbeddedServer(port=free_port(), store=tmp_path, sync_always=True) as running:
        yield running


@pytest_asyncio.fixture
async def lane(connection: Connection, topology: Topology, names: Names) -> AsyncIterator[Lane]:
    made = Lane(connection, names)
    yield made
    for consumer in made.consumers:
        await consumer.stop()
