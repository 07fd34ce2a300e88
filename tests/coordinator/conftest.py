"""A namespace in memory, a client, and what a part of a coordinator is made of."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from flowworker.client import Client
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from tests.support.backends import memory


@pytest.fixture
async def backend():
    async with memory(partitions=1) as backend:
        yield backend


@pytest.fixture
def client(backend):
    client = Client(stores_of(backend))
    yield client
    client.close()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def metrics():
    return Metrics(CollectorRegistry())
