"""The adapters under test, each with an empty namespace for every test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from flowworker.clock import SystemClock
from flowworker.memory import memory_backend
from flowworker.ports import Backend
from flowworker.settings import Settings
from integration.contract.support import ACK_WAIT, Adapter

ADAPTERS = {"memory": Adapter("memory", idle=0.1)}
PARTITIONS = 4


@pytest.fixture(params=list(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return ADAPTERS[request.param]


@pytest.fixture
def namespace() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@pytest_asyncio.fixture
async def backend(adapter: Adapter, namespace: str) -> AsyncIterator[Backend]:
    """A member of a fleet."""
    settings = Settings(lease=ACK_WAIT)
    opened = memory_backend(
        namespace, settings=settings, clock=SystemClock(), partitions=PARTITIONS
    )
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def peer(adapter: Adapter, backend: Backend) -> AsyncIterator[Backend]:
    """Another member of the same fleet; in memory there is only one."""
    yield backend
