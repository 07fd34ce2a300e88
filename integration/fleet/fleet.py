"""A real fleet for tests: a server, coordinators and workers as processes that can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from bench.ports import free_port
from flowworker.client import Client
from flowworker.client.views import RunView
from flowworker.core.event_types import ENDS
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
        self._ports: dict[int, int] = {}

    def start(
        self,
        role: str,
        *arguments: str,
        stderr: int = subprocess.STDOUT,
        root: Path = ROOT,
        app: str = "integration.fleet.handlers:app",
        **settings: str,
    ) -> subprocess.Popen[bytes]:
        """Start a coordinator or a worker, with environment variables on top of `SETTINGS`.

        The folder `root` has the package that is started, and the handlers of `app`.
        """
        if role == "worker":
            arguments = ("--app", app, *arguments)
        port = free_port()
        environment = {
            "FLOWWORKER_HTTP_PORT": str(port),
            "FLOWWORKER_NATS_URL": self.server.url,
            "FLOWWORKER_NAMESPACE": self.namespace,
            "FLEET_TRACE": str(self.trace),
            **settings,
        }
        with (self.folder / f"{role}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "flowworker", role, *arguments],
                cwd=root,
                env=os.environ | SETTINGS | environment,
                stdout=log,
                stderr=stderr,
            )
        self.processes.append(process)
        self._ports[process.pid] = port
        return process

    async def metric(self, process: subprocess.Popen[bytes], name: str, **labels: str) -> float:
        """What a process says of itself; 0 if it says nothing of that, or nothing yet."""
        _, text = await asyncio.to_thread(self._get, process, "metrics")
        families = text_string_to_metric_families(text)
        samples = (sample for family in families for sample in family.samples)
        wanted = (f"flowworker_{name}", labels)
        return next((s.value for s in samples if (s.name, s.labels) == wanted), 0.0)

    async def until_owned(self, owned: dict[subprocess.Popen[bytes], int]) -> None:
        """Wait until each of these coordinators drives so many partitions."""

        async def are_owned() -> bool:
            counts = {one: await self.metric(one, "partitions_owned") for one in owned}
            return counts == owned

        await self.until(are_owned)

    async def readiness(self, process: subprocess.Popen[bytes]) -> int:
        """The HTTP status of whether it is ready; 0 if there is no answer."""
        status, _ = await asyncio.to_thread(self._get, process, "readyz")
        return status

    def _get(self, process: subprocess.Popen[bytes], path: str) -> tuple[int, str]:
        try:
            with urlopen(
                f"http://127.0.0.1:{self._ports[process.pid]}/{path}", timeout=5
            ) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, ""
        except OSError:
            return 0, ""

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
            types = [event["type"] for event in history]
            found[:] = [event_type.removeprefix("workflow.") for event_type in types]
            return not ENDS.isdisjoint(types)

        await self.until(ended)
        return found
