"""Who is there, as a client sees it."""

from __future__ import annotations

import pytest

from flowworker.client import Client
from flowworker.codec.json import encode
from flowworker.codec.presence import Presence, presence_keys
from flowworker.stores.stores import stores_of
from flowworker.testing import ManualClock
from tests.support.backends import memory


async def show(backend, presence: Presence, *queues: str) -> None:
    for key in presence_keys(presence, queues):
        await backend.presences.put(key, encode(presence), 30)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_a_worker_of_several_queues_is_one(clock):
    async with memory(clock=clock) as backend:
        client = Client(stores_of(backend), clock)
        await show(backend, Presence("worker", "w1", slots=4), "gpu")
        await clock.advance(1)
        await show(backend, Presence("worker", "w1", slots=4, running=2), "default")
        await clock.advance(2)

        [worker] = await client.workers()

    assert (worker.id, worker.queues) == ("w1", ("default", "gpu"))
    assert (worker.slots, worker.running, worker.age) == (4, 2, 2.0)


async def test_the_clock_of_a_process_is_compared_with_the_servers(clock):
    async with memory(clock=clock) as backend:
        client = Client(stores_of(backend), clock)
        at = clock.now() + 90
        await show(backend, Presence("coordinator", "c1", at=at, partitions=(0, 1), running=5))

        [coordinator] = await client.coordinators()

    assert coordinator.clock == -90
    assert (coordinator.partitions, coordinator.runs) == ((0, 1), 5)


async def test_what_cannot_be_read_hides_nobody_else(clock, logs):
    async with memory(clock=clock) as backend:
        client = Client(stores_of(backend), clock)
        await backend.presences.put("present.worker.default.w0", b"{", 30)
        await show(backend, Presence("worker", "w1"), "default")

        assert [worker.id for worker in await client.workers()] == ["w1"]

    assert logs.having("warning", key="present.worker.default.w0")
