"""A real nats-server for every test session, and a fresh namespace for every test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from bench.valkey import RedisServer
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions, TopologyOptions, open_backend
from flowworker.ports import Backend
from tests.support.logs import logs

__all__ = ["logs"]  # a fixture for all

OpenBackend = Callable[..., Awaitable[Backend]]


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """Shared by all tests of a session; a test that kills servers starts one of its own."""
    with EmbeddedServer() as running:
        yield running


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def options(server: EmbeddedServer) -> ConnectionOptions:
    return ConnectionOptions(url=server.url)


@pytest.fixture
def namespace() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@pytest_asyncio.fixture
async def open_jetstream(options: ConnectionOptions, namespace: str) -> AsyncIterator[OpenBackend]:
    """Opens members of the test's fleet, and lets go of them in the end."""
    opened: list[Backend] = []

    async def open_one(other: ConnectionOptions | None = None, **settings: Any) -> Backend:
        settings.setdefault("topology", TopologyOptions(storage="memory"))
        opened.append(await open_backend(other or options, namespace, **settings))
        return opened[-1]

    yield open_one
    for backend in opened:
        await backend.close()
