"""The pages on errors, settings, metrics, definitions and Python, held against the code."""

from __future__ import annotations

import re

import msgspec
import pytest

import flowworker
from flowworker import StepContext, agreement, errors
from flowworker.cli import errors as exit_codes
from flowworker.cli import serving
from flowworker.client import Client
from flowworker.definitions import document
from flowworker.jetstream import ConnectionOptions, Names, TopologyOptions
from flowworker.jetstream.topology.durability import durability_of
from flowworker.jetstream.topology.options import DEFAULT_PARTITIONS
from flowworker.jetstream.topology.specs import DEFAULT_EVENTS_AGE, stream_specs
from flowworker.settings import CONNECTION, Settings
from flowworker.worker.worker import CANCEL_GRACE
from tests.docs.pages import REFERENCE, ROOT, column, table, words
from tests.support.known_metrics import known_metrics


def test_how_long_a_process_takes_to_end():
    usual, parting = Settings(), serving.PARTING
    page = (ROOT / "docs/explanation/signals.md").read_text("utf-8")
    guide = (ROOT / "docs/how-to/run-a-fleet.md").read_text("utf-8")

    assert f"at most `drain` ({usual.drain:g} s)" in page
    assert f"they get {CANCEL_GRACE:g} s to clean up" in page
    bounds = (
        f"`drain` + {parting:g} s",
        f"`partition_lease` ({usual.partition_lease:g} s)",
        f"`drain` + {2 * parting:g} s",
    )
    assert f"| ends in any case after | {' | '.join(bounds)} |" in page
    assert f"its `lease` ({usual.lease:g} s)" in page
    for text in (page, guide):
        graces = re.findall(r"terminationGracePeriodSeconds\D{1,8}(\d+)", text)
        assert graces
        assert all(int(grace) > usual.drain + parting for grace in graces)


def test_errors():
    rows = {words(row["error"])[0]: row for row in table("errors.md", "Errors")}
    assert set(rows) == set(errors.__all__) - {"Problem"}
    for name, row in rows.items():
        kind = getattr(errors, name)
        assert words(row["is a"]) == [kind.__base__.__name__]
        code = exit_codes.exit_code(kind.__new__(kind))
        assert int(row["exit code"]) == code, name
        assert getattr(flowworker, name) is kind


def test_public_names():
    text = (REFERENCE / "python.md").read_text(encoding="utf-8")
    first = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    described = [name for cell in first for name in words(cell)]
    assert len(described) == len(set(described))
    assert {*described, *errors.__all__} == set(flowworker.__all__)
    [methods] = re.findall(r"^\| `Client` \|(.*)\|", text, re.MULTILINE)
    assert all(callable(getattr(Client, name)) for name in words(methods))


def test_the_context_has_what_is_described():
    text = (ROOT / "docs" / "how-to" / "write-handlers.md").read_text(encoding="utf-8")
    section = text.partition("## The context\n")[2].partition("\n#")[0]
    first = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    described = {name for cell in first for name in words(cell)}
    assert {"run_id", "emit"} < described
    assert described <= set(dir(StepContext))


def reported(default):
    """A default as the tables have it: seconds and bytes as whole numbers, lists with commas."""
    if isinstance(default, tuple):
        return ",".join(default)
    return str(default or 0 if isinstance(default, float) else default).removesuffix(".0")


def defaults_of(struct):
    return {field.name: reported(field.default) for field in msgspec.structs.fields(struct)}


def test_settings():
    rows = table("settings.md", "Settings")
    described = {words(row["setting"])[0]: row["default"].strip("`") for row in rows}
    assert described == defaults_of(Settings)


def test_what_is_equal_over_a_fleet():
    rows = table("settings.md", "What is equal over a fleet")
    refused, reported, added, keys, _ = (words(row["settings"]) for row in rows)
    assert set(refused) == set(agreement.REFUSED)
    assert set(reported) == set(agreement.REPORTED)
    assert set(added) == set(agreement.ADDED)
    assert {*refused, *reported, *keys} <= set(Settings.__struct_fields__)


def test_connection_options():
    rows = {words(row["option"])[0]: row for row in table("settings.md", "Connection")}
    described = {name: row["default"].strip("`") for name, row in rows.items()}
    assert described == defaults_of(ConnectionOptions)
    variables = {name: words(row["variable"])[0] for name, row in rows.items() if row["variable"]}
    assert variables == CONNECTION


def test_topology_options():
    rows = table("settings.md", "Streams")
    described = {words(row["option"])[0]: row["default"].strip("`") for row in rows}
    made = stream_specs(Names("n"), TopologyOptions())[0].config
    assert set(described) == set(TopologyOptions.__struct_fields__)
    assert described == {
        "replicas": reported(made["num_replicas"]),
        "storage": made["storage"],
        "shards": str(len(Names("n").shards)),
        "events_age": reported(DEFAULT_EVENTS_AGE),
        "partitions": reported(DEFAULT_PARTITIONS),
        "durability": durability_of(made, None),
    }


def test_metrics():
    known = known_metrics()
    rows = table("metrics.md", "All metrics")
    described = {words(row["metric"])[0]: (row["type"], words(row["labels"])) for row in rows}
    assert described == known
    mentioned = re.findall(r"flowworker_[a-z_]+", (REFERENCE / "metrics.md").read_text("utf-8"))
    assert set(mentioned) == set(known)


@pytest.mark.parametrize(
    ("heading", "struct"),
    [
        ("Workflow", document.WorkflowDocument),
        ("Step", document.StepDocument),
        ("Retry", document.RetryDocument),
        ("Defaults", document.DefaultsDocument),
        ("Fallback", document.FallbackDocument),
        ("Escalation", document.EscalationDocument),
        ("Saga", document.SagaDocument),
    ],
)
def test_the_keys_of_definitions(heading, struct):
    keys = column(table("definitions.md", heading), "key")
    assert set(keys) == set(struct.__struct_encode_fields__)
