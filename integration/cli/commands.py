"""Runs `flowworker` as users do: as processes, distinguished by their exit codes and output."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from flowworker.cli import cli
from flowworker.telemetry.rendering import LogHandler
from tests.support.waiting import WAIT_LIMIT, blocking_eventually

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
APP = "integration.cli.handlers:app"
WORKFLOWS = HERE / "workflows.yaml"


class Commands:
    """Commands to one server."""

    def __init__(self, url: str, **environment: str) -> None:
        self.url = url
        clean = {name: v for name, v in os.environ.items() if not name.startswith("FLOWWORKER_")}
        self._variables = {"FLOWWORKER_NATS_URL": url, **environment}
        self._environment = clean | self._variables

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run one to its end, in this process, since there are many of them; its stdout."""
        result = self._invoke(*arguments)
        assert result.exit_code == code, f"{arguments}: {result} {result.output}"
        assert "Traceback" not in result.stderr
        return result.stdout

    def error(self, *arguments: str, code: int) -> str:
        """Run one that fails, in this process; the one line that it says."""
        result = self._invoke(*arguments)
        assert result.exit_code == code, f"{arguments}: {result} {result.output}"
        [line] = result.stderr.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")

    def said_by(self, *arguments: str) -> str:
        """Run one to its end, in this process; its stdout, whatever its exit code."""
        return self._invoke(*arguments).stdout

    def code(self, *arguments: str) -> int:
        """Run one to its end, in this process; its exit code."""
        return self._invoke(*arguments).exit_code

    def _invoke(self, *arguments: str) -> Result:
        """In this process, whose log goes where it went before any command said otherwise."""
        root = logging.getLogger()
        root.handlers[:] = [one for one in root.handlers if not isinstance(one, LogHandler)]
        return CliRunner().invoke(cli, list(arguments), env=self._variables)

    def process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one to its end, as a process."""
        return subprocess.run(
            [sys.executable, "-m", "flowworker", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env=self._environment,
            timeout=WAIT_LIMIT,
        )

    def json(self, *arguments: str, code: int = 0) -> Any:
        """The value that it prints."""
        return json.loads(self(*arguments, "--json", code=code))

    def lines(self, *arguments: str) -> list[Any]:
        """The values that it prints, one a line."""
        return [json.loads(line) for line in self(*arguments, "--json").splitlines()]

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """One that goes on until the context ends."""
        with subprocess.Popen(
            [sys.executable, "-m", "flowworker", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self._environment,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()


def until(commands: Commands, run: str, state: str) -> dict:
    """The run, once it has that state."""

    def reached() -> dict | None:
        found = None if commands.code("status", run) else commands.json("status", run)
        return found if found and found["status"] == state else None

    return blocking_eventually(reached)


def url_of(process: subprocess.Popen[str]) -> str:
    """Where the server of a `dev` or `server` process is, once it says so."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"nats://[\d.]+:\d+", line)
    assert found, f"{line!r} {process.stderr and process.stderr.read()}"
    return found[0]


def ended(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> str:
    """Send a signal and wait for the end; what it said on stderr."""
    process.send_signal(number)
    return process.communicate(timeout=WAIT_LIMIT)[1]
