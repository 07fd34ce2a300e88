"""Metrics."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from flowworker.telemetry.metrics import Metrics


def test_metrics_belong_to_the_registry_that_they_are_given():
    registry = CollectorRegistry()
    metrics = Metrics(registry)

    metrics.attempts.labels("payments.charge", "completed").inc()
    metrics.handler_seconds.labels("payments.charge").observe(0.2)
    metrics.runs_finished.labels("COMPLETED").inc()
    metrics.partitions_owned.set(4)

    text = generate_latest(registry).decode()
    assert 'flowworker_attempts_total{handler="payments.charge",outcome="completed"} 1.0' in text
    assert 'flowworker_runs_finished_total{status="COMPLETED"} 1.0' in text
    assert "flowworker_partitions_owned 4.0" in text
    Metrics(CollectorRegistry())


def test_a_registry_takes_them_once():
    registry = CollectorRegistry()
    Metrics(registry)

    with pytest.raises(ValueError, match="Duplicated"):
        Metrics(registry)
