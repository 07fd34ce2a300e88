"""Which metrics and labels a PromQL expression asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.support.known_metrics import known_metrics

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
RULES = DEPLOY / "prometheus" / "rules" / "flowworker.yml"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))

OF_TARGETS = {"fleet", "job", "instance"}
"""Labels that a scrape gives to everything."""

OF_OTHERS: dict[str, list[str]] = {
    "up": [],
    "process_cpu_seconds_total": [],
    "process_resident_memory_bytes": [],
}
"""Metrics that Prometheus and its client have, with their labels."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_MATCHERS = re.compile(r"([a-zA-Z_:][\w:]*)?\{([^}]*)\}")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_RANGE = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
_NAME = re.compile(r"[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])")
_WORDS = {"and", "or", "unless", "bool", "inf", "nan"}


def asked(expression: str) -> tuple[set[str], set[tuple[str, str]], set[str]]:
    """The metrics, the labels that each is matched by, and the labels that are grouped by."""
    text = _RANGE.sub(" ", _STRING.sub('""', expression))
    groups = ",".join(_GROUPING.findall(text)).split(",")
    grouped = {label.strip() for label in groups} - {""}
    text = _GROUPING.sub(" ", text)
    matched = {
        (metric, label)
        for metric, matchers in _MATCHERS.findall(text)
        for label in re.findall(r"(\w+)\s*[=!]", matchers)
    }
    names = set(_NAME.findall(re.sub(r"\{[^}]*\}", " ", text))) - _WORDS
    return names, matched, grouped


def labels_of_series() -> dict[str, set[str]]:
    """Labels by name of series, as they can be asked for."""
    found = {name: {*labels, *OF_TARGETS} for name, labels in OF_OTHERS.items()}
    for name, (kind, labels) in known_metrics().items():
        suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        for suffix in suffixes:
            more = {"le"} if suffix == "_bucket" else set()
            found[name + suffix] = {*labels, *OF_TARGETS, *more}
    return found


def alerts() -> list[dict[str, Any]]:
    """All alert rules."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels(path: Path) -> Iterator[tuple[str, str]]:
    """Title and expression of everything that a dashboard shows."""
    for panel in json.loads(path.read_text("utf-8"))["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def variables(path: Path) -> dict[str, str]:
    """The queries of a dashboard's variables, by their names."""
    found = json.loads(path.read_text("utf-8"))["templating"]["list"]
    return {one["name"]: one["query"]["query"] for one in found if one["type"] == "query"}


def filled_in(expression: str) -> str:
    """A dashboard's expression with its variables as Grafana sets them for *All*."""
    return re.sub(r"\$\w+", ".*", expression.replace("$__rate_interval", "1m"))


def expressions() -> dict[str, str]:
    """Every expression of rules and dashboards, by where it stands."""
    found = {alert["alert"]: alert["expr"] for alert in alerts()}
    for path in DASHBOARDS:
        for number, (title, expression) in enumerate(panels(path)):
            found[f"{path.stem}: {title} ({number})"] = filled_in(expression)
    return found
