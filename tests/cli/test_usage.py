"""What is wrong on the command line is reported in one line, with exit code 2."""

from __future__ import annotations

import json

import pytest

COMMANDS = [
    *("dev", "server", "coordinator", "worker", "validate", "register", "start", "status"),
    *("list", "history", "watch", "cancel", "terminate", "resume", "doctor"),
    *("health", "setup"),
]


def complaint(result):
    """The one line of a usage error."""
    assert result.exit_code == 2, result.output
    [line] = result.stderr.splitlines()
    assert result.stdout == ""
    if line.startswith("{"):  # of a process, whose log is JSON where there is no terminal
        return json.loads(line)["event"]
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(flowworker, command):
    result = flowworker(command, "--help")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: cli {command}")


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"dev", "server", "validate", "health"}))
def test_every_command_that_needs_a_server_takes_the_connection_options(flowworker, command):
    text = flowworker(command, "--help").stdout

    for option in ("--nats-url", "--namespace", "--creds", "--token", "--tls-ca"):
        assert option in text
    assert "FLOWWORKER_NATS_URL" in text


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["nosuch"], "nosuch"),
        (["start"], "NAME"),
        (["start", "w", "--nosuch"], "--nosuch"),
        (["status", "r", "--iteration", "2"], "--iteration goes with --step and --output"),
        (["start", "w", "--timeout", "3"], "--timeout goes with --wait"),
        (["start", "w", "--wait", "--timeout", "-1"], "--timeout"),
        (["start", "w", "--priority", "urgent"], "urgent"),
        (["start", "w", "--input", "{"], "not JSON"),
        (["start", "w", "--input", '{"a": 1} x'], "not JSON"),
        (["start", "w", "--input", "input.json"], "@FILE"),
        (["start", "w", "--input", "@missing.json"], "No such file"),
        (["start", "w", "--input", "@."], "directory"),
        (["signal"], "RUN"),
        (["signal", "r"], "NAME"),
        (["signal", "--where", "state=running"], "NAME"),
        (["signal", "r", "go", "1", "2"], "Several runs are named by --run"),
        (["signal", "go", "--run", "r", "--where", "state=running"], "either --run, or --where"),
        (["resume", "r", "s", "--action", "skip"], "give --step"),
        (["resume", "r"], "--action'. Choose from: retry, cancel, skip, complete; see"),
        (["resume", "r", "--action", "maybe"], "maybe"),
        (["resume", "r", "--action", "complete", "--output", "{"], "not JSON"),
        (["cancel"], "Give either runs, or --where"),
        (["cancel", "a", "--where", "state=failed"], "Give either runs, or --where"),
        (["cancel", "--where", "state=nosuch", "--yes"], "expected one of"),
        (["approve", "--where", "waiting=human"], "give --step"),
        (["cancel", "a", "--rate", "0"], "--rate"),
        (["approve", "a", "b"], "give --step"),
        (["reject", "a", "b", "--reason", "no"], "give --step"),
        (["retry", "a", "b", "--id", "c"], "--id goes with a single run"),
        (["rerun", "a", "b", "--wait"], "--wait goes with a single run"),
        (["list", "--state", "DONE"], "DONE"),
        (["list", "--limit", "0"], "--limit"),
        (["worker"], "--app"),
        (["worker", "--app", "m", "--concurrency", "0"], "--concurrency"),
        (["worker", "--app", "m", "--queue", "a.b"], "--queue"),
        (["coordinator", "--http-port", "0"], "--http-port"),
        (["register"], "PATH"),
        (["status", "r", "--creds", "missing.creds"], "missing.creds"),
        (["status", "r", "--tls-key", __file__], "(--tls-key) goes with tls_cert (--tls-cert)"),
    ],
)
def test_bad_usage_is_one_line(flowworker, arguments, reported):
    assert reported in complaint(flowworker(*arguments))


def test_usage_errors_name_the_command_that_explains(flowworker):
    assert complaint(flowworker("list", "--state", "DONE")).endswith("see `cli list --help`")


def test_no_command_shows_the_help(flowworker):
    result = flowworker()

    assert result.exit_code == 2
    assert "Acts on runs:" in result.stderr


def test_the_version_is_reported(flowworker):
    result = flowworker("--version")

    assert result.exit_code == 0
    assert result.stdout.endswith(" 0.1.0\n")
