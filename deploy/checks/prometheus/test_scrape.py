"""A real Prometheus scrapes a real fleet, and is asked what rules and dashboards ask."""

from __future__ import annotations

from functools import partial

import pytest

from tests.deploy.promql import alerts, expressions
from tests.support.waiting import blocking_eventually

pytestmark = pytest.mark.slow

SHIPPED, FAILED, ASKED, LOOKED, CARRIED = 5, 2, 1, 3, 1
PACKED = SHIPPED + FAILED + CARRIED

EXPECTED = {
    'sum(flowworker_runs_started_total{workflow="goods.ship"})': SHIPPED,
    'sum(flowworker_runs_finished_total{workflow="goods.ship", status="COMPLETED"})': SHIPPED,
    'sum(flowworker_runs_finished_total{workflow="goods.fail", status="FAILED"})': FAILED,
    'sum(flowworker_run_seconds_count{workflow="goods.ship"})': SHIPPED,
    'sum(flowworker_step_seconds_count{workflow="goods.ship"})': 3 * SHIPPED,
    'sum(flowworker_handler_seconds_count{handler="goods.weigh"})': 2 * SHIPPED,
    'sum(flowworker_attempts_total{handler="goods.weigh", outcome="failed"})': SHIPPED,
    'sum(flowworker_attempts_total{handler="goods.pack", outcome="completed"})': PACKED,
    'sum(flowworker_limit_waiting{limit="cart"})': 1,
    'sum(flowworker_limit_held{limit="cart"})': 0,
    'sum(flowworker_retries_total{workflow="goods.ship"})': SHIPPED,
    'sum(flowworker_steps_skipped_total{workflow="goods.ship"})': SHIPPED,
    'sum(flowworker_fallbacks_total{workflow="goods.fail"})': FAILED,
    'sum(flowworker_sagas_total{workflow="goods.fail"})': FAILED,
    'sum(flowworker_failed_compensations_total{workflow="goods.fail"})': FAILED,
    'sum(flowworker_runs_needing_attention_total{workflow="goods.fail"})': FAILED,
    'sum(flowworker_humans_asked_total{workflow="goods.ask"})': ASKED,
    'sum(flowworker_runs_unfinished{status="WAITING_HUMAN"})': ASKED,
    "sum(flowworker_partitions_owned)": 16,
    "max(flowworker_partitions)": 16,
    "sum(flowworker_slots)": 64,
    "sum(flowworker_attempts_running)": 0,
    "count(flowworker_build_info)": 3,
    'sum(flowworker_http_requests_total{endpoint="listRuns", status="200"})': LOOKED,
    'sum(flowworker_http_request_seconds_count{endpoint="listRuns"})': LOOKED,
    "sum(flowworker_http_streams)": 0,
    'max(flowworker_steps_pending{queue="default", priority="normal"})': 0,
    'max(flowworker_step_requests{queue="default", priority="normal"}) > bool 0': 1,
    "count(flowworker_events_pending)": 16,
    "count(flowworker_stream_bytes)": 7,
    "sum(flowworker_takeovers_total) or vector(0)": 0,
    "sum(flowworker_claims_lost_total)": 0,
    'sum(flowworker_payload_bytes_total{direction="stored"}) > bool 20000': 1,
    'count(flowworker_attempts_total{fleet="flowworker", job="flowworker-workers"}) > bool 0': 1,
}


@pytest.fixture(scope="module")
def scraped(fleet, prometheus):
    """Prometheus, once it has seen what the runs left."""
    for _ in range(SHIPPED):
        fleet.run("goods.ship")
    for _ in range(FAILED):
        fleet.run("goods.fail", code=1)
    fleet.start("goods.ask")
    fleet.limit("cart")
    fleet.run("goods.carry")
    fleet.start("goods.carry")
    fleet.look(LOOKED)
    for expression, expected in EXPECTED.items():
        try:
            blocking_eventually(lambda: prometheus.value(expression) == expected)  # noqa: B023
        except AssertionError as error:
            raise AssertionError(f"{expression}: {prometheus.values(expression)}") from error
    return prometheus


def test_a_fleet_is_scraped(scraped):
    found = {expression: scraped.value(expression) for expression in EXPECTED}

    assert found == EXPECTED
    assert set(scraped.values('up{job=~"flowworker.*"}').values()) == {1.0}


def test_rules_and_dashboards_get_answers(scraped):
    rules = [rule for group in scraped.ask("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"]: rule["health"] for rule in rules} == {
        alert["alert"]: "ok" for alert in alerts()
    }

    for where, expression in expressions().items():
        scraped.ask("query", query=expression)
        if ":" in where and not _may_be_empty(expression):
            # A rate needs two scrapes
            blocking_eventually(partial(scraped.values, expression), f"{where}: {expression}")


def _may_be_empty(expression: str) -> bool:
    """What is compared, or about things that did not happen."""
    rare = ("takeovers", "handlers_missing", "commands_rejected", "loaded", "workflow_paused")
    return " > 0" in expression or any(name in expression for name in rare)


def test_alerts_say_what_is_wrong_with_a_fleet_and_nothing_else(fleet, scraped):
    told = {"FlowworkerRunNeedsAttention", "FlowworkerCompensationFailed", "FlowworkerHumansWaited"}
    blocking_eventually(lambda: scraped.alerts() == told)

    fleet.stop("worker")
    fleet.start("goods.ship")
    blocking_eventually(lambda: "FlowworkerLaneUnserved" in scraped.alerts())

    fleet.stop("coordinator")
    blocking_eventually(lambda: "FlowworkerNoCoordinator" in scraped.alerts())
