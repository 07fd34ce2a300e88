"""A namespace on a clock that tests move, with coordinators and without workers."""

from __future__ import annotations

from typing import Any, Self

from prometheus_client import CollectorRegistry

from flowworker import wiring
from flowworker.client import Client
from flowworker.coordinator import Coordinator
from flowworker.core.model import Workflow
from flowworker.memory import memory_backend
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from flowworker.testing.clock import settle
from tests.support.mortal import Life, mortal

RUN = "r1"


class World:
    """Nobody is there before `coordinator`."""

    def __init__(self, **settings: Any) -> None:
        """Begin a billion seconds after the epoch, in 2001."""
        chosen = Settings(**settings)
        self.clock = ManualClock(1_000_000_000.0)
        self.backend = memory_backend(settings=chosen, clock=self.clock, partitions=1)
        self.stores = stores_of(self.backend, chosen)
        self.client = Client(self.stores, self.clock)
        self._registry = CollectorRegistry()
        self.metrics = Metrics(self._registry)
        self._coordinators: list[Coordinator] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for coordinator in self._coordinators:
            await coordinator.stop()
        self.client.close()
        await self.backend.close()

    @property
    def rebuilt(self) -> float:
        """How often a run was rebuilt from its records."""
        return self._registry.get_sample_value("flowworker_recoveries_total") or 0.0

    def level(self, metric: str, **labels: str) -> float | None:
        """What a metric says; None if it says nothing."""
        return self._registry.get_sample_value(f"flowworker_{metric}", labels)

    async def coordinator(self) -> Coordinator:
        """One more."""
        coordinator = wiring.make_coordinator(self.stores, self.metrics, self.clock)
        await coordinator.start()
        self._coordinators.append(coordinator)
        return coordinator

    async def dying(self, life: Life) -> Coordinator:
        """One more, that has no longer than that life."""
        stores = stores_of(mortal(self.backend, life), self.stores.settings)
        coordinator = wiring.make_coordinator(stores, self.metrics, self.clock)
        await coordinator.start()
        return coordinator

    async def start(self, workflow: Workflow, value: Any = None) -> None:
        """Start a run, as far as it goes at once."""
        await self.client.register(workflow)
        await self.client.start(workflow.name, value, run_id=RUN)
        await settle()

    async def pass_by(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due."""
        await self.clock.advance(seconds)
        await settle()

    async def history(self) -> list[tuple[str, str]]:
        """Types of the run's events, without what all begin with, and their steps."""
        events = await self.client.history(RUN)
        return [
            (event["type"].removeprefix("workflow."), event["data"].get("step_id", ""))
            for event in events
        ]
