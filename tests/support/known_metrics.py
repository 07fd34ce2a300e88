"""All metrics that a process of a fleet has."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry

from flowworker.telemetry.metrics import Metrics


def known_metrics() -> dict[str, tuple[str, list[str]]]:
    """Type and labels by name, as a scrape has it."""
    registry = CollectorRegistry()
    Metrics(registry)
    made: list[Any] = list(registry._collector_to_names)
    return {
        metric._name + ("_total" if metric._type == "counter" else ""): (
            metric._type,
            list(metric._labelnames),
        )
        for metric in made
    }
