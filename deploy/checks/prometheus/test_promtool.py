"""Rules, their tests, the configuration and the dashboards, by Prometheus' own tool."""

from __future__ import annotations

import subprocess

import yaml

from tests.deploy.promql import DEPLOY, RULES, expressions


def told(promtool, *arguments):
    """What it says, if it is content."""
    done = subprocess.run(
        [promtool, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_rules(promtool):
    assert "SUCCESS" in told(promtool, "check", "rules", RULES)


def test_each_alert_fires_when_it_shall_and_only_then(promtool):
    tests = sorted((DEPLOY / "prometheus" / "tests").glob("*_test.yml"))

    assert told(promtool, "test", "rules", *tests).count("SUCCESS") == len(tests)


def test_the_configuration_is_one(promtool):
    assert "SUCCESS" in told(promtool, "check", "config", DEPLOY / "prometheus/prometheus.yml")


def test_what_dashboards_ask_is_promql(promtool, tmp_path):
    rules = [
        {"record": f"asked:{number}", "expr": expression}
        for number, expression in enumerate(expressions().values())
    ]
    path = tmp_path / "asked.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))

    assert f"{len(rules)} rules found" in told(promtool, "check", "rules", path)
