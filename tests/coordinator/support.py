"""Coordinators for tests, and waiting for what they do."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry

from flowworker import wiring
from flowworker.coordinator import Coordinator
from flowworker.ports import Backend
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics


def make(backend: Backend, **settings: Any) -> Coordinator:
    return wiring.make_coordinator(
        stores_of(backend, Settings(**settings)), Metrics(CollectorRegistry())
    )


async def coordinated(backend: Backend, **settings: Any) -> Coordinator:
    coordinator = make(backend, **settings)
    await coordinator.start()
    return coordinator
