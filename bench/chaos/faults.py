"""What goes wrong: drawn from a seed, done one after the other, written down."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from nats.errors import Error as NatsError

from bench.chaos.cluster import Cluster, resume
from bench.chaos.processes import Processes
from bench.chaos.proxy import Proxy
from bench.chaos.raw import Raw, Refused
from flowworker.embedded import EmbeddedServer

Fault = Callable[[], Awaitable[dict[str, Any]]]

WEIGHTS = {
    "kill worker": 10,
    "stop worker": 6,
    "drain worker": 4,
    "cut worker": 4,
    "kill coordinator": 8,
    "stop coordinator": 6,
    "drain coordinator": 3,
    "kill server": 4,
    "restart server": 2,
    "stop server": 3,
    "step down": 8,
    "lose quorum": 1,
}
CLUSTERED = {"step down", "lose quorum"}
PAUSE = 2.5
"""Seconds between the end of one fault and the next, on average."""

POLL = 0.1
"""Seconds between two looks whether what was replaced is well."""


class Faults:
    """Does harm until it is asked to stop, and heals everything then.

    Attributes:
        log: one entry per fault: what, whom, from when to when (epoch seconds), process ids.
        deaths: processes that ended without having been asked to.
    """

    def __init__(
        self, cluster: Cluster, processes: Processes, proxy: Proxy, raw: Raw, seed: int
    ) -> None:
        self.log: list[dict[str, Any]] = []
        self.deaths: list[dict[str, Any]] = []
        self._cluster = cluster
        self._processes = processes
        self._proxy = proxy
        self._raw = raw
        self._random = random.Random(seed)
        self._meant: set[str] = set()

    async def run(self, until: float) -> None:
        """Faults until that monotonic time."""
        many = len(self._cluster.nodes) > 1
        kinds = [kind for kind in WEIGHTS if many or kind not in CLUSTERED]
        weights = [WEIGHTS[kind] for kind in kinds]
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(self._random.expovariate(1 / PAUSE), left))
            if time.monotonic() < until:
                await self.do(self._random.choices(kinds, weights)[0])

    async def do(self, kind: str) -> None:
        """One fault, healed when this returns."""
        what, _, whom = kind.partition(" ")
        began = time.time()
        entry: dict[str, Any] = {"kind": kind, "from": began}
        self.log.append(entry)
        if whom in {"worker", "coordinator"}:
            await self._process(what, whom, entry)
        elif whom == "server":
            node = self._random.choice(self._cluster.nodes)
            entry["node"] = self._cluster.nodes.index(node)
            await self._server(what, [node], entry)
        elif kind == "step down":
            await self._step_down(entry)
        else:
            nodes = self._random.sample(self._cluster.nodes, len(self._cluster.nodes) // 2 + 1)
            await self._server("stop", nodes, entry)
        entry["until"] = time.time()

    async def _process(self, what: str, role: str, entry: dict[str, Any]) -> None:
        processes = self._processes
        name = self._random.choice([one for one in processes.names if one.startswith(role)])
        if what == "cut":
            name = f"{role}-proxied"
            self._proxy.shut = True
            self._proxy.cut()
        entry |= {"name": name, "pid": processes.pid(name)}
        self._meant.add(name)
        match what:
            case "kill":
                processes.send(name, signal.SIGKILL)
                await asyncio.sleep(self._random.uniform(0.2, 5))
                entry["again"] = await asyncio.to_thread(processes.again, name)
            case "drain":
                processes.send(name, signal.SIGTERM)
                entry["again"] = await asyncio.to_thread(processes.again, name)
            case "stop":
                processes.send(name, signal.SIGSTOP)
                await asyncio.sleep(self._random.uniform(0.5, 9))
                processes.send(name, signal.SIGCONT)
            case _:
                await asyncio.sleep(self._random.uniform(0.5, 9))
                self._proxy.shut = False
        self._meant.discard(name)

    async def _server(self, what: str, nodes: list[EmbeddedServer], entry: dict[str, Any]) -> None:
        entry["pids"] = [node.pid for node in nodes]
        seconds = self._random.uniform(0.2, 7)
        for node in nodes:
            match what:
                case "kill":
                    await asyncio.to_thread(node.kill)
                case "restart":
                    await asyncio.to_thread(node.stop)
                case _ if node.pid is not None:
                    os.kill(node.pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        for node in nodes:
            resume(node.pid)
            await asyncio.to_thread(node.start)

    async def _step_down(self, entry: dict[str, Any]) -> None:
        """Another leader for the metadata, a stream, or one of its consumers."""
        with contextlib.suppress(NatsError, Refused, TimeoutError, OSError):
            request = "META.LEADER.STEPDOWN"
            if self._random.random() < 0.85:
                stream = self._random.choice(sorted(await self._raw.streams()))
                request = f"STREAM.LEADER.STEPDOWN.{stream}"
                consumers = (await self._raw.api(f"CONSUMER.NAMES.{stream}")).get("consumers")
                if consumers and self._random.random() < 0.5:
                    consumer = self._random.choice(sorted(consumers))
                    request = f"CONSUMER.LEADER.STEPDOWN.{stream}.{consumer}"
            entry["request"] = request
            await self._raw.api(request)

    async def replace(self, role: str, name: str) -> None:
        """SIGTERM, and a new process once it has ended; returns when that one is ready."""
        processes = self._processes
        about = {"name": name, "pid": processes.pid(name)}
        entry: dict[str, Any] = {"kind": f"drain {role}", "from": time.time(), **about}
        self.log.append(entry)
        self._meant.add(name)
        processes.send(name, signal.SIGTERM)
        entry["again"] = await asyncio.to_thread(processes.again, name)
        self._meant.discard(name)
        await self.until_ready(name)
        entry["until"] = time.time()

    async def until_ready(self, name: str) -> None:
        """Wait until a process says that it is."""
        while not await asyncio.to_thread(self._processes.is_ready, name):  # noqa: ASYNC110
            await asyncio.sleep(POLL)

    async def restart(self, number: int) -> None:
        """SIGTERM for a node, and a new one; returns when all streams have all their copies."""
        node = self._cluster.nodes[number]
        entry: dict[str, Any] = {"kind": "restart server", "from": time.time(), "node": number}
        self.log.append(entry)
        await asyncio.to_thread(node.stop)
        await asyncio.to_thread(node.start)
        while not await self._is_whole():  # noqa: ASYNC110
            await asyncio.sleep(POLL)
        entry["until"] = time.time()

    async def _is_whole(self) -> bool:
        """Whether each stream has a leader and followers that have all of it."""
        with contextlib.suppress(NatsError, Refused, TimeoutError, OSError):
            clusters = [each.get("cluster") or {} for each in (await self._raw.streams()).values()]
            copies = [copy for cluster in clusters for copy in cluster.get("replicas") or []]
            led = all(cluster.get("leader") for cluster in clusters)
            return (led or self.nodes == 1) and all(
                copy["current"] and not copy.get("offline") for copy in copies
            )
        return False

    @property
    def nodes(self) -> int:
        """How many NATS servers there are."""
        return len(self._cluster.nodes)

    @property
    def names(self) -> list[str]:
        """Of all processes."""
        return self._processes.names

    async def supervise(self) -> None:
        """Start again what ended by itself, as a container platform would; until cancelled."""
        while True:
            await asyncio.sleep(0.5)
            for name in self._processes.names:
                if name not in self._meant and (status := self._processes.ended(name)) is not None:
                    self.deaths.append({"name": name, "status": status, "at": time.time()})
                    await asyncio.sleep(0.5)
                    await asyncio.to_thread(self._processes.again, name)
