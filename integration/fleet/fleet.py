"""A real fleet for tests: a server, coordinators and workers as processes that can be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from flowworker.client import Client
from flowworker.client.views import RunView
from flowworker.embedded import EmbeddedServer
from flowworker.errors import RunNotFound
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]

SETTINGS = {
    "FLOWWORKER_LEASE": "3",
    "FLOWWORKER_PARTITION_LEASE": "2",
    "FLOWWORKER_SHORT_DELAY": "3",
    "FLOWWORKER_SWEEP": "2",
    "FLOWWORKER_DRAIN": "5",
}
"""Short leases, so that takeovers are seen in seconds."""

_ENDS = {"completed", "failed", "cancelled"}


class Fleet:
    """The processes of one test."""

    def __init__(self, server: EmbeddedServer, namespace: str, folder: Path) -> None:
        self.server = server
        self.namespace = namespace
        self.folder = folder
        self.trace = folder / "trace"
        self.trace.mkdir()
        self.client: Client
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(
        self, role: str, *arguments: str, stderr: int = subprocess.STDOUT, **settings: str
    ) -> subprocess.Popen[bytes]:
        """Start a coordinator or a worker, with environment variables on top of `SETTINGS`."""
        if role == "worker":
            arguments = ("--app", "integration.fleet.handlers:app", *arguments)
        environment = {
            "FLOWWORKER_NATS_URL": self.server.url,
            "FLOWWORKER_NAMESPACE": self.namespace,
            "FLEET_TRACE": str(self.trace),
            **settings,
        }
        with (self.folder / f"{role}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "flowworker", role, *arguments],
                cwd=ROOT,
                env=os.environ | SETTINGS | environment,
                stdout=log,
                stderr=stderr,
            )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """End all processes, gently first."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def logs(self) -> str:
        """What the processes wrote."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text()[-6000:]}" for path in self.folder.glob("*.log")
        )

    def notes(self, run: str) -> list[list[str]]:
        """What handlers noted about a run: what, step, attempt, process."""
        path = self.trace / f"{run}.log"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def count(self, run: str, what: str = "run") -> Counter[str]:
        """How often handlers noted that, by step."""
        return Counter(note[1] for note in self.notes(run) if note[0] == what)

    async def until(self, condition: Callable[[], object | Awaitable[object]]) -> Any:
        """Wait for something to become true."""
        return await eventually(condition, pause=0.05)

    async def shows(self, run: str, step: str, status: str) -> bool:
        """Whether the client shows a step in that status."""
        try:
            view: RunView = await self.client.status(run)
        except RunNotFound:
            return False
        return any(s.id == step and s.status == status for s in view.steps)

    async def types(self, run: str) -> list[str]:
        """The event types of an ended run's history, in order, without the leading `workflow.`.

        The last event follows the record: soon, or when another coordinator has taken over.
        """
        found: list[str] = []

        async def ended() -> bool:
            history = await self.client.history(run)
            found[:] = [event["type"].removeprefix("workflow.") for event in history]
            return not _ENDS.isdisjoint(found)

        await self.until(ended)
        return found
