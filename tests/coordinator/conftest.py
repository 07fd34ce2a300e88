"""A namespace in memory, and whoever starts runs in it."""

from __future__ import annotations

import pytest

from flowworker.client import Client
from flowworker.stores.stores import stores_of
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
