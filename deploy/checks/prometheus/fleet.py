"""A coordinator, a worker and a dashboard as processes, with runs that went every way."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

from bench.ports import free_port
from integration.cli.commands import Commands, ended
from integration.web.api import OPERATOR, Api
from tests.support.waiting import blocking_eventually

WORKFLOWS = Path(__file__).parent / "workflows.yaml"
APP = "deploy.checks.prometheus.handlers:app"


class ScrapedFleet:
    """One of each, which serve their metrics."""

    def __init__(self, url: str) -> None:
        self._commands = Commands(url, FLOWWORKER_SWEEP="1", FLOWWORKER_UI_TOKEN=OPERATOR)
        self._ports = {role: free_port() for role in ("coordinator", "worker", "dashboard")}
        self._api = Api("127.0.0.1", free_port())
        self._stack = ExitStack()

    @property
    def targets(self) -> dict[str, list[str]]:
        """Where they are, by the names of Prometheus' jobs."""
        return {f"flowworker-{role}s": [f"127.0.0.1:{port}"] for role, port in self._ports.items()}

    def __enter__(self) -> ScrapedFleet:
        self._commands("setup")
        self._commands("register", str(WORKFLOWS))
        self._processes = {
            role: self._stack.enter_context(
                self._commands.running(*command, "--http-port", str(self._ports[role]))
            )
            for role, *command in (
                ("coordinator", "coordinator"),
                ("worker", "worker", "--app", APP),
                ("dashboard", "ui", "--port", str(self._api.port)),
            )
        }
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, workflow: str, code: int = 0) -> None:
        """One run to its end."""
        self._commands("start", workflow, "--wait", code=code)

    def start(self, workflow: str) -> None:
        """One run, whatever becomes of it."""
        self._commands("start", workflow)

    def limit(self, name: str) -> None:
        """Have a limit let in one attempt, and no other for an hour."""
        self._commands("limits", "set", name, "--concurrency", "1", "--rate", "1/h", "--burst", "1")

    def look(self, times: int) -> None:
        """Ask the API for the runs, once it is there."""
        blocking_eventually(lambda: self._answer("/workflows") == HTTPStatus.OK)
        for _ in range(times):
            assert self._answer("/runs") == HTTPStatus.OK

    def _answer(self, path: str) -> int:
        try:
            return self._api("GET", path).status
        except OSError:
            return 0  # it has just been started

    def stop(self, role: str) -> None:
        """End a process in order."""
        ended(self._processes[role], signal.SIGTERM)
        assert self._processes[role].returncode == 0
