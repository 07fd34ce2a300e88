"""A client and a coordinator on the memory adapter, in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from prometheus_client import CollectorRegistry

from flowworker import wiring
from flowworker.client import Client
from flowworker.core.model import Escalation, Step, Workflow
from flowworker.ports import Backend
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.backends import memory

FLOW = Workflow(
    name="order.fulfil",
    version="v1",
    input_schema={"type": "object", "required": ["order"]},
    steps=(
        Step(id="reserve", uses="reserve"),
        Step(id="charge", uses="charge", depends_on=("reserve",), escalation=Escalation()),
    ),
)


@pytest_asyncio.fixture
async def backend() -> AsyncIterator[Backend]:
    async with memory("shop", partitions=2) as made:
        yield made


@pytest_asyncio.fixture
async def client(backend: Backend) -> AsyncIterator[Client]:
    made = Client(stores_of(backend))
    await made.register(FLOW)
    yield made
    made.close()


@pytest_asyncio.fixture
async def coordinator(backend: Backend) -> AsyncIterator[None]:
    made = wiring.make_coordinator(stores_of(backend), Metrics(CollectorRegistry()))
    await made.start()
    yield
    await made.stop()
