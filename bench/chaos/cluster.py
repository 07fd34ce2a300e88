"""One nats-server or several that form a cluster, all on loopback, to be killed and restarted."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from bench.ports import free_port
from flowworker.embedded import EmbeddedServer

HOST = "127.0.0.1"
NOWHERE = 1
"""A port at which nobody listens."""


class Cluster:
    """Nodes that start together and end together.

    Clients are given all URLs, and the servers advertise none: a proxy in between stays in between.

    Attributes:
        nodes: in order; each may be stopped, killed and started alone.
        gate: with `gated`, the port at which a proxy has to listen.
        behind: with `gated`, where that proxy has to lead.
    """

    def __init__(
        self,
        nodes: int = 1,
        *,
        config: str = "",
        sync_always: bool = False,
        gated: bool = False,
    ) -> None:
        """Describe it; `start` begins.

        Args:
            nodes: how many.
            config: appended to each node's configuration.
            sync_always: flush every write to disk before it is acknowledged.
            gated: node 0 and the others have no way to each other but through a proxy.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="flowworker-cluster-")
        routes = [free_port() for _ in range(nodes)]
        self.gate = free_port() if gated else 0
        self.behind = f"nats://{HOST}:{routes[0]}"
        self.nodes = [
            EmbeddedServer(
                port=free_port(),
                store=Path(self._folder.name) / f"n{number}",
                sync_always=sync_always,
                timeout=60.0,
                config=config + (_clustered(number, routes, self.gate) if nodes > 1 else ""),
            )
            for number in range(nodes)
        ]

    @property
    def url(self) -> str:
        """All nodes, as clients take it."""
        return ",".join(node.url for node in self.nodes)

    @property
    def replicas(self) -> int:
        """How many copies a stream can have."""
        return len(self.nodes)

    def start(self) -> None:
        """Start all that do not run, at the same time; return when they listen."""
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(EmbeddedServer.start, self.nodes))

    def stop(self) -> None:
        """End all of them, stopped ones too."""
        for node in self.nodes:
            resume(node.pid)
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(EmbeddedServer.stop, self.nodes))

    def memory(self) -> int:
        """Bytes that all nodes have resident, where Linux tells."""
        return sum(resident(node.pid) for node in self.nodes)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()


def resume(pid: int | None) -> None:
    """Let a process go on that was stopped."""
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def resident(pid: int | None) -> int:
    """Bytes that a process has in memory; 0 if it is gone or nobody tells."""
    if pid is None:
        return 0
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _clustered(number: int, routes: list[int], gate: int) -> str:
    """A node's part of the cluster.

    With a gate the others know node 0 by that alone, and node 0 knows nobody else: it waits until
    they come. What servers tell each other of addresses leads to where nobody listens.
    """
    known, advertise = routes, ""
    if gate:
        known = [gate, *routes[1:]] if number else [gate]
        advertise = f', advertise: "{HOST}:{NOWHERE}"'
    urls = json.dumps([f"nats://{HOST}:{port}" for port in known])
    listen = f"{HOST}:{routes[number]}"
    cluster = f'name: chaos, listen: "{listen}", routes: {urls}, no_advertise: true{advertise}'
    return f"server_name: n{number}\ncluster {{{cluster}}}\n"
