"""`doctor`: what it finds, and what it says about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowworker.embedded import EmbeddedServer
from integration.cli.commands import APP, WORKFLOWS, Commands


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


def test_a_fleet_that_is_well(dev):
    dev("start", "sum", "--wait")

    findings = {found["check"]: found for found in dev.lines("doctor")}

    assert all(found["ok"] for found in findings.values())
    assert findings["server"]["found"].startswith("nats-server 2.")
    assert "16 of 16 driven" in findings["partitions"]["found"]
    assert "stream FLOWWORKER_COMMANDS" in findings
    assert "from the server's" in findings["clock"]["found"]
    assert "problem" not in dev("doctor")


def test_an_empty_server_is_a_problem_that_can_be_fixed(server):
    doctor = Commands(server.url, FLOWWORKER_NAMESPACE="empty")

    found = doctor("doctor", code=1)
    again = doctor("doctor", code=1)
    fixed = doctor("doctor", "--fix")
    well = doctor("doctor")

    assert "problem streams: there is no namespace 'empty' on this server" in found
    assert "`flowworker setup --namespace empty`" in found
    assert again == found
    assert "consumer starts: 0 commands wait" in fixed
    assert "consumer controls: 0 commands wait" in fixed
    assert "0 of 16 driven" in well


def test_work_that_nobody_takes_is_a_problem(server):
    commands = Commands(server.url, FLOWWORKER_NAMESPACE="idle")
    commands("doctor", "--fix")
    commands("register", str(WORKFLOWS))
    run = commands("start", "sum").strip()

    found = commands("doctor", code=1)

    assert "problem consumer starts: 1 commands wait, 0 are in hand, nobody asks" in found
    assert "start a coordinator" in found
    assert APP not in found
    assert "PENDING" in commands("status", run)
    assert "waiting for a coordinator" in commands.error("cancel", run, code=4)
    late = commands.error("start", "sum", "--id", run, "--wait", "--timeout", "0.3", code=5)
    assert "accepted, and no coordinator has taken it in" in late


def test_a_stream_that_is_not_ours_is_a_problem(server):
    Commands(server.url, FLOWWORKER_NAMESPACE="first")("doctor", "--fix")

    # Stream names are in upper case, so that these two namespaces would share one.
    found = Commands(server.url, FLOWWORKER_NAMESPACE="First")("doctor", code=1)

    assert "problem streams: stream FIRST_COMMANDS: subjects must be" in found
