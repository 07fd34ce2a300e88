"""A fleet with its dashboard, beside runs that are retained: what `bench.dashboard` looks at."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench.retained import WORKFLOWS, Retained
from bench.sizes import resident
from examples.orders.fleet import Fleet
from flowworker import wiring
from flowworker.client import Client
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self

    from flowworker.core.model import Workflow

TOKEN = "token-of-the-measurement"
WAIT_LIMIT = 600.0
"""Seconds that a process may take to begin."""
POLL = 0.05

T = TypeVar("T")


class Board:
    """A server, a coordinator, a worker, and a dashboard.

    Attributes:
        taken: bytes that each kind of message of the retained runs takes in its stream.
        host, port: where the dashboard is.
    """

    def __init__(self, runs: int, folder: Path) -> None:
        """With so many retained runs; the folder is for all that is stored."""
        self.runs = runs
        self.taken: dict[str, int] = {}
        self.host, self.port = "", 0
        self._folder = folder
        self._stack = ExitStack()
        self.server = EmbeddedServer(store=folder / "server")
        self.fleet = Fleet(folder, {"FLOWWORKER_UI_TOKEN": TOKEN})

    def __enter__(self) -> Self:
        """Start the server alone."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._stack.enter_context(self.server)
        self._stack.enter_context(self.fleet)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write(self, workflows: Iterable[Workflow] = WORKFLOWS) -> None:
        """The definitions, and the runs."""
        asyncio.run(self._write(workflows))

    async def _write(self, workflows: Iterable[Workflow]) -> None:
        async with wiring.nats(ConnectionOptions(url=self.server.url)) as backend:
            client = Client(stores_of(backend))
            for workflow in workflows:
                await client.register(workflow)
            client.close()
        async with Retained(self.server.url, "flowworker", time.time()) as retained:
            self.taken = await retained.write(0, self.runs)

    def start(self, app: str = "bench.handlers:app") -> float:
        """Start the fleet; seconds until it has executed a run."""
        since = time.monotonic()
        url = ("--nats-url", self.server.url, "--log-level", "warning")
        self.fleet.start("coordinator", "coordinator", *url)
        self.fleet.start("worker", "worker", "--app", app, *url)
        self.fleet.start("ui", "ui", "--port", "0", *url)
        log = self._folder / "ui.log"
        [(self.host, port)] = until(
            lambda: re.findall(r"http://([\d.]+):(\d+)/ shows", log.read_text())
        )
        self.port = int(port)
        until(lambda: self.ask("GET", "/workflows")[0] == 200)
        self.finish("first")
        return time.monotonic() - since

    def finish(self, run: str, workflow: str = WORKFLOWS[0].name, given: Any = None) -> None:
        """Have a run executed."""
        body = {"workflow": workflow, "id": run, "input": given or {}}
        status, answer = self.ask("POST", "/runs", body)
        assert status < 300, answer
        # A page of the list, since to read a large run is much
        path = f"/runs?limit=500&status=COMPLETED&workflow={workflow}"
        until(lambda: [each for each in self.ask("GET", path)[1]["runs"] if each["id"] == run])

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """What the API answers: status and value."""
        connection = HTTPConnection(self.host, self.port, timeout=WAIT_LIMIT)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        connection.request(method, f"/api/v1{path}", sent, headers)
        answer = connection.getresponse()
        found = answer.read()
        connection.close()
        return answer.status, json.loads(found or b"null")

    def memory(self) -> dict[str, int]:
        """Bytes that each process has."""
        assert self.server.pid is not None
        pids = {"nats-server": self.server.pid, **self.fleet.pids}
        return {name: resident(pid) for name, pid in pids.items()}

    def stored(self) -> int:
        """Bytes on the disk."""
        return sum(path.stat().st_blocks * 512 for path in self._folder.rglob("*"))


def until(found: Callable[[], T]) -> T:
    """What is found, as soon as it is something.

    Raises:
        TimeoutError: not within `WAIT_LIMIT`.
    """
    last = time.monotonic() + WAIT_LIMIT
    while not (value := found()):
        if time.monotonic() > last:
            raise TimeoutError(f"nothing after {WAIT_LIMIT:g} s")
        time.sleep(POLL)
    return value
