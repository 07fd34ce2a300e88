"""Coordinators for tests, and waiting for what they do."""

from __future__ import annotations

import asyncio
from typing import Any

from prometheus_client import CollectorRegistry

from flowworker import wiring
from flowworker.clock import Clock
from flowworker.coordinator import Coordinator
from flowworker.coordinator.assembly import Parts, assemble
from flowworker.coordinator.driving.holding import Holding
from flowworker.coordinator.driving.shared import Shared
from flowworker.evaluation.evaluation import Evaluation
from flowworker.evaluation.values import Values
from flowworker.ports import Backend
from flowworker.settings import Settings
from flowworker.stores.stores import Stores, stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.telemetry.tracing import NO_TRACING
from flowworker.testing import ManualClock


def make(backend: Backend, **settings: Any) -> Coordinator:
    return wiring.make_coordinator(
        stores_of(backend, Settings(**settings)), Metrics(CollectorRegistry())
    )


async def coordinated(backend: Backend, **settings: Any) -> Coordinator:
    coordinator = make(backend, **settings)
    await coordinator.start()
    return coordinator


def evaluation_of(stores: Stores) -> Evaluation:
    """Expressions over what these stores keep."""
    return Evaluation(values_of(stores))


def values_of(stores: Stores) -> Values:
    """What these stores keep."""
    return Values(stores.payloads, stores.settings.payload_limit)


def parts_of(stores: Stores, clock: Clock) -> Parts:
    """Parts of a coordinator over what these stores keep."""
    return assemble(stores, clock, Metrics(CollectorRegistry()), NO_TRACING, lambda: None)


def shared_of(stores: Stores, performer: Any) -> Shared:
    """What a partition of a coordinator is given, with another performer."""
    parts = parts_of(stores, ManualClock())
    holding = Holding(stores, None, Metrics(CollectorRegistry()))
    return Shared(performer, parts.answers, parts.slots, holding, asyncio.Semaphore(1))
