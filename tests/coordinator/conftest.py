"""A namespace in memory, a client, and what a part of a coordinator is made of."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from flowworker.client import Client
from flowworker.coordinator.driving.scheduler import Scheduler
from flowworker.coordinator.driving.shared import Shared
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from flowworker.testing.clock import settle
from tests.coordinator import rerunning
from tests.coordinator.partition import Held, Message, Partition
from tests.coordinator.resting import World
from tests.coordinator.support import coordinated
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
async def coordinator(backend):
    coordinator = await coordinated(backend)
    yield coordinator
    await coordinator.stop()


@pytest.fixture
async def world():
    """Runs that rest, on a clock that tests move."""
    async with World() as world:
        yield world


@pytest.fixture
async def flow(backend):
    """A run that fails, to be done again."""
    async with rerunning.world(backend) as flow:
        yield flow


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def metrics():
    return Metrics(CollectorRegistry())


@pytest.fixture
def partition():
    return Partition()


@pytest.fixture
def held():
    return Held()


@pytest.fixture
async def scheduler(backend, partition, held, clock, metrics):
    none: Any = None
    scheduler = Scheduler(
        0,
        stores_of(replace(backend, events=partition)),
        Shared(none, none, none, none, asyncio.Semaphore(1)),
        lambda: 10,
        clock,
        metrics,
    )
    scheduler.active = held
    await scheduler.start()
    yield scheduler
    await scheduler.stop()


@pytest.fixture
def deliver(partition, scheduler):
    """An event, until there is nothing more to do about it; what was answered."""
    order = 0

    async def deliver(data, skipped=0, **how):
        nonlocal order
        order += 1 + skipped
        message = Message(data, order, **how)
        partition.deliver(message)
        await settle()
        return message.answers

    return deliver
