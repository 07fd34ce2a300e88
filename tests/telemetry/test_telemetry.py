"""Log lines and metrics."""

from __future__ import annotations

import json
import logging

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest

from flowworker.telemetry.log import configure_logging, get_logger
from flowworker.telemetry.metrics import Metrics


@pytest.fixture
def root():
    """The root logger and structlog, as they were afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_lines_go_to_stderr(root, capsys):
    configure_logging(json=True, level="info")

    get_logger(worker="w1").info("started", n=1)
    get_logger().debug("unseen")
    logging.getLogger("nats").warning("slow %s", "consumer")

    out, err = capsys.readouterr()
    assert out == ""
    first, second = [json.loads(line) for line in err.splitlines()]
    assert first.items() >= {"event": "started", "level": "info", "worker": "w1", "n": 1}.items()
    assert first["timestamp"].endswith("Z")
    assert second.items() >= {"event": "slow consumer", "level": "warning"}.items()


def test_json_lines_carry_tracebacks(root, capsys):
    configure_logging(json=True, level="info")
    get_logger().warning("failed", exc_info=ValueError("no"))

    assert "ValueError: no" in json.loads(capsys.readouterr().err)["exception"]


def test_lines_for_humans_are_plain_where_there_is_no_terminal(root, capsys):
    configure_logging(json=False, level="DEBUG")

    get_logger().debug("started", n=1)
    logging.getLogger("nats").info("connected")

    err = capsys.readouterr().err
    assert "started" in err
    assert "n=1" in err
    assert "connected" in err
    assert "\x1b[" not in err


def test_an_unknown_level_is_an_error(root):
    with pytest.raises(KeyError):
        configure_logging(json=True, level="loud")


def test_a_library_that_nobody_configured_logs_to_logging(caplog):
    log = get_logger(worker="w1")

    log.bind(run="r1").warning("100 % full", n=1)
    log.debug("unseen")

    assert [(r.name, r.message) for r in caplog.records] == [
        ("flowworker", "100 % full worker='w1' run='r1' n=1")
    ]


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
