"""The alert rules and dashboards of deploy/ come along with the chart."""

from __future__ import annotations

import json

import yaml

from deploy.checks.kubernetes.chart import ROOT, render
from deploy.checks.kubernetes.schemas import VERSIONS, complaints

ON = {
    "prometheusRule": {"enabled": True, "labels": {"release": "p"}},
    "dashboards": {"enabled": True},
}
APP = {"queues": {"q": {"app": "shop.handlers:app"}}}


def test_the_alert_rules_are_those_for_prometheus():
    [rule] = render(APP | ON).of("PrometheusRule")
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules/flowworker.yml").read_text("utf-8"))

    assert rule["spec"] == rules
    assert rule["metadata"]["labels"]["release"] == "p"
    assert complaints(rule, VERSIONS[-1]) == []


def test_a_dashboard_is_a_map_that_grafana_finds():
    files = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
    maps = [
        one for one in render(APP | ON).of("ConfigMap") if "-dashboard-" in one["metadata"]["name"]
    ]

    assert {one["metadata"]["labels"]["grafana_dashboard"] for one in maps} == {"1"}
    found = {name: json.loads(text) for one in maps for name, text in one["data"].items()}
    assert found == {
        f"flowworker-{path.name}": json.loads(path.read_text("utf-8")) for path in files
    }
    assert [complaint for one in maps for complaint in complaints(one, VERSIONS[-1])] == []


def test_neither_is_there_unless_asked_for():
    rendered = render(APP)

    assert rendered.of("PrometheusRule") == []
    assert [one for one in rendered.of("ConfigMap") if "dashboard" in one["metadata"]["name"]] == []
