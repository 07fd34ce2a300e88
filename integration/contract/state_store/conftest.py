"""The three stores, each with an empty namespace for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from flowworker import (
    InMemStore,
    NATSStore,
    RedisStore,
    Settings,
    StateStore,
)
from flowworker.clock import SystemClock
from flowworker.jetstream import TopologyOptions
from integration.contract.support import KEEPERS

NAMES = {"memory": "InMemStore", "jetstream": "NATSStore", "redis": "RedisStore"}
SETTINGS = Settings(inline_limit=1_000, payload_limit=3_000_000)


class MovableClock(SystemClock):
    """Can be made to believe that time has passed."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


@pytest.fixture(params=KEEPERS, ids=NAMES.get)
def keeper(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest_asyncio.fixture
async def open_store(
    request: pytest.FixtureRequest, keeper: str, namespace: str, clock: MovableClock
) -> AsyncIterator[Callable[[], Awaitable[StateStore]]]:
    """Opens members of one namespace; in memory there is one store."""
    opened: list[StateStore] = []

    async def open_() -> StateStore:
        if keeper == "memory" and opened:
            return opened[0]
        match keeper:
            case "memory":
                store: StateStore = InMemStore(settings=SETTINGS, clock=clock)
            case "jetstream":
                store = NATSStore(
                    request.getfixturevalue("server").url,
                    namespace=namespace,
                    settings=SETTINGS,
                    clock=clock,
                    topology=TopologyOptions(storage="memory"),
                    create=True,
                )
            case _:
                url = request.getfixturevalue("redis_server").url
                store = RedisStore(url, namespace=namespace, settings=SETTINGS, clock=clock)
        opened.append(store)
        return store

    yield open_
    for store in opened:
        await store.close()


@pytest_asyncio.fixture
async def store(open_store) -> StateStore:
    return await open_store()


@pytest_asyncio.fixture
async def peer(open_store, store) -> StateStore:
    return await open_store()
