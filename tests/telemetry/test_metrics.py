"""Metrics: what a scrape reads, and how many series there can be."""

from __future__ import annotations

import sys

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from flowworker.ports import Incident
from flowworker.telemetry.labels import MOST
from flowworker.telemetry.metrics import Metrics


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return Metrics(registry)


def series(registry, name):
    """The labels of all series of a metric, and their values."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == f"flowworker_{name}"
    }


def test_metrics_belong_to_the_registry_that_they_are_given(registry, metrics):
    metrics.attempts["payments.charge", "completed"].inc()
    metrics.handler_seconds["payments.charge"].observe(0.2)
    metrics.runs_finished["order.fulfil", "COMPLETED"].inc()
    metrics.partitions_owned.set(4)

    text = generate_latest(registry).decode()
    assert 'flowworker_attempts_total{handler="payments.charge",outcome="completed"} 1.0' in text
    finished = 'flowworker_runs_finished_total{status="COMPLETED",workflow="order.fulfil"} 1.0'
    assert finished in text
    assert "flowworker_partitions_owned 4.0" in text
    Metrics(CollectorRegistry())


def test_a_registry_takes_them_once(registry, metrics):
    with pytest.raises(ValueError, match="Duplicated"):
        Metrics(registry)


def test_names_that_users_make_are_kept_apart_up_to_a_number(registry, metrics):
    for number in range(2 * MOST):
        metrics.runs_started[f"w{number}"].inc()
        metrics.retries[f"w{number}"].inc()

    for name in ("runs_started_total", "retries_total"):
        found = series(registry, name)
        assert len(found) == MOST + 1
        assert found["w0",] == 1
        assert found["other",] == MOST


@pytest.mark.parametrize(
    ("wanted", "workflows", "handlers"),
    [
        ({"workflows": False}, [("",)], [("a", "failed"), ("b", "failed")]),
        ({"handlers": False}, [("v",), ("w",)], [("", "failed")]),
    ],
)
def test_labels_can_be_turned_off(registry, wanted, workflows, handlers):
    metrics = Metrics(registry, **wanted)

    for name in ("v", "w"):
        metrics.runs_started[name].inc()
    for name in ("a", "b"):
        metrics.attempts[name, "failed"].inc()

    assert sorted(series(registry, "runs_started_total")) == workflows
    assert sorted(series(registry, "attempts_total")) == handlers
    assert sum(series(registry, "runs_started_total").values()) == 2


def test_a_series_that_was_met_costs_no_call(metrics):
    attempts, calls = metrics.attempts, []
    attempts["a", "failed"].inc()

    def note(frame, event, _):
        if event == "call":
            calls.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        attempts["a", "failed"]
    finally:
        sys.setprofile(None)

    assert calls == []


def test_levels_that_are_gone_are_not_shown_any_more(registry, metrics):
    metrics.runs_unfinished.replace({"RUNNING": 3, "PENDING": 1})
    metrics.runs_unfinished.replace({"RUNNING": 2})

    assert series(registry, "runs_unfinished") == {("RUNNING",): 2}


def test_levels_are_forgotten_however_many_there_were(registry, metrics):
    metrics.steps_pending.replace({(f"q-{number}", "normal"): 1 for number in range(1_100)})
    assert len(series(registry, "steps_pending")) == 1_100

    metrics.forget_common()

    assert series(registry, "steps_pending") == {}


@pytest.mark.parametrize(
    ("incident", "counter"),
    [
        (Incident.RECONNECTED, "reconnects_total"),
        (Incident.PUBLISH_FAILED, "publish_errors_total"),
        (Incident.PULL_RENEWED, "pulls_renewed_total"),
    ],
)
def test_incidents_are_counted(registry, metrics, incident, counter):
    metrics.count_incident(incident)

    assert series(registry, counter) == {(): 1}


def test_a_process_says_what_it_is(registry, metrics):
    metrics.describe("worker", "0.1.0")

    version = ".".join(map(str, sys.version_info[:3]))
    assert series(registry, "build_info") == {("0.1.0", version, "worker"): 1}
