"""Errors of every kind end in one line and the right exit code, never in a traceback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from flowworker import errors
from flowworker.cli.errors import Commands
from tests.support.waiting import WAIT_LIMIT


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.DefinitionError(["a.yaml:1:2: bad"]), 2),
        (errors.InvalidInput("bad"), 2),
        (errors.PayloadTooLarge("big"), 2),
        (errors.WorkflowNotFound("none"), 3),
        (errors.RunNotFound("none"), 3),
        (errors.NamespaceNotFound("none"), 3),
        (errors.Unavailable("away"), 4),
        (errors.ServerUnavailable("away"), 4),
        (errors.ResultTimeout("late"), 5),
        (errors.LockTimeoutError("late"), 5),
        (errors.RunFailed("failed"), 1),
        (errors.TopologyMismatch("other"), 1),
        (errors.CorruptRecord("run.x", b"\xff", "bad"), 1),
        (PermissionError(13, "Permission denied", "/x"), 1),
        (ValueError("oops\nover lines"), 1),
        (ExceptionGroup("all", [errors.Unavailable("away")]), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(error, code):
    @click.group(cls=Commands)
    def cli():
        pass

    @cli.command()
    def fail():
        raise error

    result = CliRunner().invoke(cli, ["fail"])

    assert result.exit_code == code
    assert "Traceback" not in result.output
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == (0 if code == 130 else 1)
    assert all(line.startswith("error: ") for line in lines)


@pytest.mark.slow
def test_a_bug_shows_its_traceback_on_request(process, monkeypatch):
    broken = (
        "import click, flowworker.cli as c\n"
        "def f(): 1/0\n"
        "c.cli.add_command(click.Command('broken', callback=f))\n"
        "c.cli.main(['broken'])\n"
    )

    def run():
        return subprocess.run(
            [sys.executable, "-c", broken], capture_output=True, text=True, check=False
        )

    quiet = run()
    monkeypatch.setenv("FLOWWORKER_DEBUG", "1")
    loud = run()

    assert quiet.returncode == 1
    assert quiet.stderr.startswith("error: this is a bug: ZeroDivisionError: division by zero")
    assert len(quiet.stderr.splitlines()) == 1
    assert "Traceback" in loud.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["status", "r"],
        ["list"],
        ["history", "r"],
        ["watch"],
        ["start", "w", "--wait"],
        ["cancel", "r"],
        ["terminate", "r"],
        ["resume", "r", "--action", "retry"],
        ["doctor"],
    ],
)
def test_no_server_is_code_4(flowworker, closed_port, command):
    result = flowworker(*command, "--nats-url", f"nats://127.0.0.1:{closed_port}")

    assert result.exit_code == 4
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith(f"error: no NATS server at nats://127.0.0.1:{closed_port}")


def test_the_password_is_not_reported(flowworker, closed_port):
    result = flowworker("list", "--nats-url", f"nats://me:secret@127.0.0.1:{closed_port}")

    assert result.exit_code == 4
    assert "secret" not in result.output


@pytest.mark.parametrize("namespace", ["a.b", "a b", "*"])
def test_a_bad_namespace_is_code_2(flowworker, closed_port, namespace):
    url = f"nats://127.0.0.1:{closed_port}"
    result = flowworker("list", "--namespace", namespace, "--nats-url", url)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("url", ["://", "nats://", "http://x", "nats://127.0.0.1:port", ",", ""])
def test_a_bad_url_is_one_line(flowworker, url):
    result = flowworker("list", "--nats-url", url)

    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert "this is a bug" not in line


def test_a_bad_setting_in_the_environment_is_code_2(flowworker, monkeypatch):
    monkeypatch.setenv("FLOWWORKER_LEASE", "soon")

    result = flowworker("coordinator")

    assert result.exit_code == 2
    assert "FLOWWORKER_LEASE" in result.stderr


@pytest.mark.slow
def test_one_who_closes_the_pipe_gets_no_complaint(process):
    script = f"{sys.executable} -m flowworker --help | true"

    for _ in range(3):
        result = subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, check=False, timeout=30
        )
        assert result.stderr == ""


@pytest.mark.slow
def test_ctrl_c_while_connecting_is_silent():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        with subprocess.Popen(
            [sys.executable, "-m", "flowworker", "coordinator"],
            env=os.environ | {"FLOWWORKER_NATS_URL": f"nats://127.0.0.1:{port}"},
            stderr=subprocess.PIPE,
            text=True,
        ) as waiting:
            connected, _ = mute.accept()
            waiting.send_signal(signal.SIGINT)
            _, stderr = waiting.communicate(timeout=WAIT_LIMIT)
            connected.close()

    assert waiting.returncode == 130
    assert "Traceback" not in stderr
    assert "error" not in stderr


_STUBBORN = """
import asyncio
from flowworker.cli.serving import leave_handlers_behind, run_process

async def ticks():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue
        yield

async def stubborn():
    async for _ in ticks():
        pass

async def main():
    kept.append(asyncio.create_task(stubborn()))
    await asyncio.sleep(0)

kept = []
leave_handlers_behind(left=run_process(main(), "info"))
"""


@pytest.mark.slow
def test_a_generator_in_which_somebody_stays_is_no_error():
    ended = subprocess.run(
        [sys.executable, "-c", _STUBBORN],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_LIMIT,
    )

    assert ended.returncode == 0
    [line] = ended.stderr.splitlines()
    assert json.loads(line)["event"] == "handlers that did not return are left behind"
