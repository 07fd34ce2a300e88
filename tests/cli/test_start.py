"""A command imports what it needs, and no more: most of them are over in a moment."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.waiting import WAIT_LIMIT

HEAVY = {
    *("asyncio", "immutables", "nats", "prometheus_client", "rich", "structlog", "uvloop", "yaml"),
    *("flowworker.codec.json", "flowworker.core.records", "flowworker.settings"),
    *("flowworker.client", "flowworker.wiring", "flowworker.telemetry.log"),
}


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [
        (["--version"], set()),
        (["status", "--help"], {"flowworker.cli.status"}),
        (["list", "--help"], {"flowworker.cli.finding"}),
        (["watch", "--help"], {"flowworker.cli.watch"}),
        (["cancel", "--help"], {"flowworker.cli.act"}),
    ],
    ids=" ".join,
)
def test_what_a_plain_command_imports(arguments, loaded):
    script = (
        "import sys\nfrom flowworker.cli import cli\n"
        f"try:\n    cli.main({arguments!r})\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=WAIT_LIMIT,
    )

    modules = set(ended.stderr.split())
    assert ended.stdout
    assert modules & HEAVY == set()
    assert modules >= loaded
    commands = {"act", "dev", "doctor", "finding", "runs", "status", "watch", "fleet"}
    assert {f"flowworker.cli.{name}" for name in commands} & modules == loaded


PARSED = {"yaml", "jsonschema_rs", "cronsim", "flowworker.definitions.validate"}
"""What only those need who read definitions and judge inputs."""


@pytest.mark.parametrize(
    ("parts", "unwanted"),
    [
        ("cli.fleet, worker, wiring, jetstream.backend", {*PARSED, "nkeys", "flowworker.client"}),
        ("cli.status, wiring, jetstream.backend", {*PARSED, "nkeys", "flowworker.client"}),
        ("client", {"yaml", "jsonschema_rs", "nkeys", "flowworker.definitions.validate"}),
    ],
)
def test_what_a_process_is_made_of_brings_nothing_that_only_others_need(parts, unwanted):
    script = (
        f"import sys\nimport flowworker.{parts.replace(', ', ', flowworker.')}\nprint(*sys.modules)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=WAIT_LIMIT,
    )

    assert set(ended.stdout.split()) & unwanted == set()
