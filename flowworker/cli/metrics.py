"""The metrics that a process of a fleet serves."""

from __future__ import annotations

__all__ = ["metrics_of"]

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from flowworker.settings import Settings
    from flowworker.telemetry.metrics import Metrics


def metrics_of(role: str, settings: Settings) -> tuple[CollectorRegistry, Metrics]:
    """Those of one process, and the registry that a scrape reads: Python's own are in it as well.

    Args:
        role: `coordinator` or `worker`.
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
