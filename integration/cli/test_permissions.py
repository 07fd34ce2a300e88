"""The permissions in the docs are enough for each role."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import pytest

from flowworker.embedded import EmbeddedServer
from integration.cli.commands import APP, ROOT, WORKFLOWS, Commands, until

GUIDE = ROOT / "docs" / "how-to" / "run-a-fleet.md"


@pytest.fixture
def server(tmp_path):
    """A server with the users of the guide."""
    [config] = re.findall(r"```\n(authorization \{.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    config = config.replace('password: "..."', 'password: "secret"')
    with EmbeddedServer(store=tmp_path / "nats", config=config) as running:
        yield running


def as_user(server, name):
    address = urlsplit(server.url).netloc
    return Commands(f"nats://{name}:secret@{address}")


def test_each_role_can_do_its_work(server):
    operator = as_user(server, "operator")
    # Given a fleet of which every process may do what the guide says
    with (
        as_user(server, "coordinator").running("coordinator"),
        as_user(server, "worker").running("worker", "--app", APP),
    ):
        operator("setup")
        # When an operator registers, starts and looks
        operator("register", str(WORKFLOWS))
        result = json.loads(
            operator("start", "sum", "--id", "one", "--input", '{"n": 5}', "--wait")
        )
        # Then all of that works
        assert result["output"] == {"second": {"n": 7}}
        assert operator.json("status", "one")["status"] == "COMPLETED"
        assert [run["id"] for run in operator.lines("list", "--workflow", "sum")] == ["one"]
        assert operator.lines("history", "one")
        # ... and so does stopping a run
        operator("start", "long", "--id", "two")
        until(operator, "two", "RUNNING")
        operator("cancel", "two")
        watched = operator.lines("watch", "two")
        assert watched[-1]["type"] == "workflow.cancelled"
