"""The processes under measurement: a server or a cluster, a coordinator, workers."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bench.chaos.cluster import Cluster
from examples.orders.fleet import Fleet
from flowworker.core.model import Step, Workflow

if TYPE_CHECKING:
    from flowworker.jetstream.topology.durability import Durability

WORKFLOW = "bench.chain"
MONITORING = 'http: "127.0.0.1:-1"\n'


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
        durability: of the namespace: what it needs of servers is there.
        shards: of the namespace.
        sync_always: the server flushes every write to disk, whatever the durability.
        profile: `coordinator` or `worker`; the first such process runs under cProfile.
    """

    def __init__(
        self,
        *,
        workers: int,
        durability: Durability = "process",
        shards: int = 1,
        sync_always: bool = False,
        profile: str = "",
    ) -> None:
        self.workers = workers
        self.durability: Durability = durability
        self.shards = shards
        self.sync_always = sync_always or durability == "power"
        self._profile = profile
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        nodes = 3 if durability == "machine" else 1
        self.cluster = Cluster(nodes, sync_always=self.sync_always, config=MONITORING)
        self.server = self.cluster.nodes[0]
        self.fleet = Fleet(self._folder)
        self.profile_path = self._folder / "profile"

    def __enter__(self) -> Self:
        """Start the server alone: the first process decides how many partitions there are."""
        self._stack.enter_context(self.cluster)
        self._stack.enter_context(self.fleet)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start coordinator and workers."""
        url = ("--nats-url", self.cluster.url, "--log-level", "warning")
        self._start("coordinator", "coordinator", *url)
        for number in range(1, self.workers + 1):
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
        servers = sum(_cpu_of(node.pid) for node in self.cluster.nodes)
        others = {**self.fleet.pids, "client": os.getpid()}
        return {"nats-server": servers} | {name: _cpu_of(pid) for name, pid in others.items()}


def _cpu_of(pid: int | None) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
