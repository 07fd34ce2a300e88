"""The adapters under test, each with an empty namespace for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from flowworker.clock import SystemClock
from flowworker.jetstream import Names, TopologyOptions, open_backend
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.consuming import pull_requests
from flowworker.jetstream.manifest import ordered
from flowworker.jetstream.topology import specs
from flowworker.jetstream.topology.spread import names_of
from flowworker.memory import memory_backend
from flowworker.ports import Backend
from flowworker.runner.backends.opening import open_redis
from flowworker.settings import Settings
from integration.contract.support import LONG_ACK_WAIT, Adapter

ADAPTERS = {
    "memory": Adapter(shared=False, idle=0.1),
    "jetstream": Adapter(shared=True, idle=2.0),
    "sharded": Adapter(shared=True, idle=2.0),
}
PARTITIONS = 4
PULL_EXPIRES = 600_000_000
"""Nanoseconds: short, so that a test of idleness sees some of them end."""
TOPOLOGY = {
    "jetstream": TopologyOptions(storage="memory", partitions=PARTITIONS),
    "sharded": TopologyOptions(storage="memory", partitions=PARTITIONS, shards=3),
}

Opener = Callable[..., Awaitable[Backend]]


@pytest.fixture(params=list(ADAPTERS))
def adapter_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def adapter(adapter_name: str) -> Adapter:
    return ADAPTERS.get(adapter_name, Adapter(shared=True, idle=0.1))


@pytest.fixture
def ack_wait() -> float:
    """Of all sources. Tests of redelivery replace it."""
    return LONG_ACK_WAIT


@pytest_asyncio.fixture
async def opener(
    request: pytest.FixtureRequest,
    adapter_name: str,
    ack_wait: float,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Opener]:
    """Opens backends of any namespace, and lets go of all of them in the end."""
    opened: list[Backend] = []
    settings = Settings(lease=ack_wait, short_delay=ack_wait / 2)

    if adapter_name in TOPOLOGY:
        options = request.getfixturevalue("options")
        monkeypatch.setattr(specs, "COORDINATOR_ACK_WAIT", ack_wait)
        monkeypatch.setattr(pull_requests, "EXPIRES", PULL_EXPIRES)
        monkeypatch.setattr(pull_requests, "HEARTBEAT", PULL_EXPIRES // 3)

        async def create(namespace: str) -> Backend:
            topology = TOPOLOGY[adapter_name]
            return await open_backend(options, namespace, settings=settings, topology=topology)

    elif adapter_name == "redis":
        server = request.getfixturevalue("redis_server")

        async def create(namespace: str) -> Backend:
            return await open_redis(server.url, namespace, settings=settings)
    else:

        async def create(namespace: str) -> Backend:
            clock = SystemClock()
            return memory_backend(namespace, settings=settings, clock=clock, partitions=PARTITIONS)

    async def open_(namespace: str) -> Backend:
        opened.append(await create(namespace))
        return opened[-1]

    yield open_
    for backend in opened:
        await backend.close()
    if adapter_name in TOPOLOGY:
        await remove({backend.namespace for backend in opened}, request)


async def remove(namespaces: set[str], request: pytest.FixtureRequest) -> None:
    connection = await connect(request.getfixturevalue("options"))
    api = Api(connection)
    for namespace in namespaces:
        for stream in ordered(await names_of(api, Names(namespace))):
            await api.call(f"STREAM.DELETE.{stream}")
    await connection.close()


@pytest_asyncio.fixture
async def backend(opener: Opener, namespace: str) -> Backend:
    """A member of a fleet."""
    return await opener(namespace)


@pytest_asyncio.fixture
async def peer(opener: Opener, adapter: Adapter, backend: Backend) -> Backend:
    """Another member of the same fleet, with a connection of its own; in memory there is one."""
    return await opener(backend.namespace) if adapter.shared else backend
