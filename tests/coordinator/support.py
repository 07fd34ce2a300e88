"""Coordinators for tests, and waiting for what they do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import CollectorRegistry

from flowworker import wiring
from flowworker.coordinator import Coordinator
from flowworker.ports import Backend
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.waiting import WAIT_LIMIT


def make(backend: Backend, **settings: Any) -> Coordinator:
    return wiring.make_coordinator(
        stores_of(backend, Settings(**settings)), Metrics(CollectorRegistry())
    )


async def coordinated(backend: Backend, **settings: Any) -> Coordinator:
    coordinator = make(backend, **settings)
    await coordinator.start()
    return coordinator


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(WAIT_LIMIT):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
