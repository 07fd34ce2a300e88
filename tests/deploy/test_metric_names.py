"""Alert rules and dashboards ask for metrics and labels that exist, and say what to do."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from tests.deploy.promql import (
    DASHBOARDS,
    DEPLOY,
    alerts,
    asked,
    expressions,
    labels_of_series,
    panels,
    variables,
)
from tests.support.known_metrics import known_metrics

ROOT = DEPLOY.parent
RUNBOOKS = ROOT / "docs" / "how-to" / "runbooks.md"
RULE_TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*_test.yml"))


def test_expressions_are_understood():
    text = 'sum by (le, queue) (rate(a_bucket{queue=~"$q", x!="}"}[5m])) > 0 unless b offset 15m'

    names, matched, grouped = asked(text)

    assert names == {"a_bucket", "b"}
    assert matched == {("a_bucket", "queue"), ("a_bucket", "x")}
    assert grouped == {"le", "queue"}


@pytest.mark.parametrize("where", expressions())
def test_metrics_and_labels_exist(where):
    known = labels_of_series()

    names, matched, grouped = asked(expressions()[where])

    assert names
    assert names <= set(known)
    assert {(metric, label) for metric, label in matched if label not in known[metric]} == set()
    assert grouped <= set().union(*(known[name] for name in names))


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_variables_list_labels_that_exist(path):
    known = labels_of_series()

    for name, query in variables(path).items():
        found = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", query)
        assert found, query
        assert found[2] == name
        assert name in known[found[1]]


def test_dashboards_show_every_metric():
    shown = set()
    for path in DASHBOARDS:
        for _, expression in panels(path):
            shown |= asked(expression)[0]

    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    assert set(known_metrics()) - families == set()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_are_laid_out_without_overlap(path):
    board = json.loads(path.read_text("utf-8"))
    taken: set[tuple[int, int]] = set()

    assert board["uid"] == f"flowworker-{path.stem}"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells


def test_each_alert_has_its_runbook():
    text = RUNBOOKS.read_text("utf-8")
    sections = dict(re.findall(r"^### (Flowworker\w+)\n(.*?)(?=^##|\Z)", text, re.M | re.S))

    assert list(sections) == [alert["alert"] for alert in alerts()]
    for alert in alerts():
        name = alert["alert"]
        page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        assert ROOT / page == RUNBOOKS
        assert anchor == name.lower()
        for part in ("**Means.**", "**Look.**", "**Do.**"):
            assert part in sections[name], (name, part)


def test_each_alert_is_tested_both_ways():
    tested: dict[str, set[bool]] = {}
    cases = [
        case for path in RULE_TESTS for case in yaml.safe_load(path.read_text("utf-8"))["tests"]
    ]
    for case in cases:
        for check in case["alert_rule_test"]:
            tested.setdefault(check["alertname"], set()).add("exp_alerts" in check)

    assert tested == {alert["alert"]: {True, False} for alert in alerts()}


def test_grafana_finds_what_it_is_given():
    provisioning = DEPLOY / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    [provider] = yaml.safe_load((provisioning / "dashboards/flowworker.yml").read_text())[
        "providers"
    ]

    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
