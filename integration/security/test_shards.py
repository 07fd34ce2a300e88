"""The accounts that we ship, made ready for shards as the page says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from flowworker.embedded import EmbeddedServer
from integration.cli.commands import APP, ROOT, WORKFLOWS, until
from integration.security.accounts import as_role, guarded_server

SHARDS = "4"
RUNS = [f"r-{number}" for number in range(12)]
"""Some in each."""


@pytest.fixture
def guarded(tmp_path) -> Iterator[EmbeddedServer]:
    server = guarded_server(tmp_path)
    page = (ROOT / "docs" / "how-to" / "secure.md").read_text("utf-8")
    [command] = [line for line in page.splitlines() if line.startswith("for shard in")]
    subprocess.run(command, shell=True, check=True, cwd=tmp_path / "accounts")
    with server:
        yield server


def test_everybody_works_in_each_shard(guarded):
    administrator = as_role(guarded, "administrator", FLOWWORKER_SHARDS=SHARDS)
    said = administrator("setup", "--queue", "default", "--queue", "gpu")
    assert "16 streams, 16 partitions in 4 shards" in said
    as_role(guarded, "registrar")("register", str(WORKFLOWS))
    operator, viewer = as_role(guarded, "operator"), as_role(guarded, "viewer")

    with ExitStack() as stack:
        stack.enter_context(as_role(guarded, "coordinator").running("coordinator"))
        worker = as_role(guarded, "worker-default")
        stack.enter_context(worker.running("worker", "--app", APP))
        for run in RUNS:
            operator("start", "sum", "--id", run)
        for run in RUNS:
            until(operator, run, "COMPLETED")

        listed = viewer.lines("list")
        assert sorted(one["id"] for one in listed) == sorted(RUNS)
        for run in RUNS:
            assert "workflow.completed" in viewer("history", run)
        assert "problem" not in viewer("doctor")
        assert "problem" not in administrator("doctor")
