"""The processes under measurement: a server, a coordinator, workers."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from examples.orders.fleet import Fleet
from flowworker.core.model import Step, Workflow
from flowworker.embedded import EmbeddedServer

WORKFLOW = "bench.chain"
MONITORING = 'http: "127.0.0.1:-1"'


def chain(steps: int) -> Workflow:
    """Steps that do nothing, one after the other."""
    return Workflow(
        name=WORKFLOW,
        steps=tuple(
            Step(id=f"s{n}", uses="bench.noop", depends_on=(f"s{n - 1}",) if n else ())
            for n in range(steps)
        ),
    )


class BenchFleet:
    """Starts everything on a free port with temporary folders, and ends it.

    Args:
        workers: how many worker processes.
        sync_always: the server flushes every write to disk.
        profile: `coordinator` or `worker`; the first such process runs under cProfile.
    """

    def __init__(self, *, workers: int, sync_always: bool, profile: str = "") -> None:
        self._workers = workers
        self._profile = profile
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.server = EmbeddedServer(sync_always=sync_always, config=MONITORING)
        self.fleet = Fleet(self._folder)
        self.profile_path = self._folder / "profile"

    def __enter__(self) -> Self:
        """Start the server alone: the first process decides how many partitions there are."""
        self._stack.enter_context(self.server)
        self._stack.enter_context(self.fleet)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start coordinator and workers."""
        url = ("--nats-url", self.server.url, "--log-level", "warning")
        self._start("coordinator", "coordinator", *url)
        for number in range(1, self._workers + 1):
            self._start(f"worker-{number}", "worker", "--app", "bench.handlers:app", *url)

    def _start(self, name: str, *command: str) -> None:
        profiled = name in {self._profile, f"{self._profile}-1"}
        python = ("-m", "bench.profiled", str(self.profile_path)) if profiled else ()
        self.fleet.start(name, *command, python=python)

    def stop(self) -> None:
        """Let coordinator and workers end; the server goes on."""
        self.fleet.stop()

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time that each process has used so far, where Linux tells."""
        pids = {"nats-server": self.server.pid, **self.fleet.pids, "client": os.getpid()}
        return {name: _cpu_of(pid) for name, pid in pids.items() if pid is not None}


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
