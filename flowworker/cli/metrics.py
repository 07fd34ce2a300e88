"""The metrics that a process of a fleet serves."""

from __future__ import annotations

__all__ = ["measuring", "metrics_of"]

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from prometheus_client import CollectorRegistry

    from flowworker.cli.serving import HttpAddress
    from flowworker.ports import Backend
    from flowworker.settings import Settings
    from flowworker.telemetry.metrics import Metrics


def metrics_of(role: str, settings: Settings) -> tuple[CollectorRegistry, Metrics]:
    """Those of one process, and the registry that a scrape reads: Python's own are in it as well.

    Args:
        role: `coordinator`, `worker` or `ui`.
        settings: say which names are labels.
    """
    from importlib.metadata import version

    from prometheus_client import CollectorRegistry, ProcessCollector

    from flowworker.telemetry.metrics import Metrics

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    metrics = Metrics(
        registry, workflows=settings.workflow_labels, handlers=settings.handler_labels
    )
    metrics.describe(role, version("flowworker"))
    return registry, metrics


@asynccontextmanager
async def measuring(
    backend: Backend | None,
    partitions: Callable[[], tuple[int, ...]],
    metrics: Metrics,
    http: HttpAddress,
) -> AsyncIterator[None]:
    """Measure for as long as the context lasts what a coordinator's metrics have to be asked for.

    Nothing unless they are served: it costs the server requests.
    """
    from flowworker.clock import SystemClock
    from flowworker.tasks import TaskSet
    from flowworker.telemetry.measuring import measure_loop, measure_server

    tasks, clock = TaskSet(), SystemClock()
    if http.port is not None:
        tasks.spawn(measure_loop(metrics, clock), "measure-loop")
        if backend is not None and backend.meter is not None:
            meter, presences = backend.meter, backend.presences
            server = measure_server(meter, presences, partitions, metrics, clock)
            tasks.spawn(server, "measure-server")
    try:
        yield
    finally:
        await tasks.close()
