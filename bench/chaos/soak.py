"""A fleet under steady load for as long as you like: what grows?

Runs are kept for a short while, so that after that the server forgets as much as it learns: from
then on nothing may grow. Measured at every tick, drawn as SVG in the end. `make soak`.

What a finished run costs the server once it is forgotten is measured by the server's live heap,
right after a garbage collection, when nothing is left of a first load and when nothing is left of
all: resident memory tells more of the collector than of what is in use.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bench.chaos.campaign import COORDINATOR, NAMESPACE, WORKER, prepared
from bench.chaos.chart import Panel, draw
from bench.chaos.cluster import HOST, Cluster, free_port
from bench.chaos.processes import Processes
from bench.chaos.raw import Raw
from flowworker.client import Client
from flowworker.errors import FlowworkerError

if TYPE_CHECKING:
    from collections.abc import Sequence

MIX = ("chaos.chain", "chaos.fallback", "chaos.saga", "chaos.retry")
RESULTS = Path(__file__).parents[1] / "results"
SAMPLES = 200
"""Points of the drawing, at most."""
RETENTION = 30.0
"""Seconds for which finished runs are kept."""
MEMORY = 130.0
"""Seconds for which the server remembers message ids, and a few more."""
WARM_UP = 60.0
"""Seconds of load before the first look at the server's live heap."""
MEGA = 1024 * 1024


@dataclass
class Series:
    """What was measured; `values` by name, each as long as `times`."""

    times: list[float] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, at: float, measured: dict[str, float]) -> None:
        """One tick."""
        self.times.append(at)
        for name, value in measured.items():
            self.values.setdefault(name, [0.0] * (len(self.times) - 1)).append(value)


class Soak:
    """The load, and its measurements."""

    def __init__(self, client: Client, raw: Raw, cluster: Cluster, processes: Processes) -> None:
        self.series = Series()
        self.finished = 0
        self.failures: list[str] = []
        self._client = client
        self._raw = raw
        self._cluster = cluster
        self._processes = processes
        self._began = time.monotonic()
        self._started = 0
        self._latencies: list[float] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(self, seconds: float, rate: float) -> None:
        """Start runs at that rate, then wait until they are forgotten."""
        began = time.monotonic()
        first = self._started
        while (now := time.monotonic()) < began + seconds:
            await asyncio.sleep(max(0.0, began + (self._started - first) / rate - now))
            workflow, run = MIX[self._started % len(MIX)], f"soak-{self._started:08d}"
            task = asyncio.create_task(self._one(workflow, run))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._started += 1
        await asyncio.gather(*self._tasks)
        await asyncio.sleep(RETENTION + MEMORY)

    async def left(self) -> int:
        """Subjects in all streams, those of definitions and leases apart."""
        names = [
            name
            for name in await self._raw.streams()
            if not name.endswith(("_definitions", "_locks"))
        ]
        return sum([len(await self._raw.subjects(name)) for name in names])

    async def _one(self, workflow: str, run: str) -> None:
        began = time.monotonic()
        try:
            await self._client.run(workflow, {}, run_id=run, timeout=60)
        except FlowworkerError as error:
            self.failures.append(f"{run}: {error}")
            return
        self.finished += 1
        if workflow == MIX[0]:
            self._latencies.append((time.monotonic() - began) * 1000)

    async def measure(self, tick: float) -> None:
        """Look at everything at each tick, until cancelled."""
        before = 0
        while True:
            await asyncio.sleep(tick)
            taken, self._latencies = sorted(self._latencies), []
            measured = {
                "p50": statistics.median(taken) if taken else 0.0,
                "p99": taken[int(len(taken) * 0.99)] if taken else 0.0,
                "runs/s": (self.finished - before) / tick,
                "nats-server": self._cluster.memory() / MEGA,
            }
            before = self.finished
            for name, size in self._processes.memory().items():
                measured[name] = size / MEGA
            for name, info in (await self._raw.streams()).items():
                measured[f"{name} messages"] = info["state"]["messages"]
                measured[f"{name} bytes"] = info["state"]["bytes"] / MEGA
            self.series.add(time.monotonic() - self._began, measured)


def panels(series: Series) -> list[Panel]:
    """What belongs together."""

    def those(names: Sequence[str]) -> dict[str, list[float]]:
        return {name.removeprefix("KV_"): series.values[name] for name in names}

    values = list(series.values)
    roles = [name for name in values if name.startswith(("coordinator", "worker"))]
    return [
        Panel("latency of a chain of five steps", "ms", those(["p50", "p99"])),
        Panel("throughput", "runs/s", those(["runs/s"])),
        Panel("memory of the server", "MB", those(["nats-server"])),
        Panel("memory of the processes", "MB", those(roles)),
        Panel("messages stored", "", those([name for name in values if name.endswith("messages")])),
        Panel("bytes stored", "MB", those([name for name in values if name.endswith("bytes")])),
    ]


def growth(series: Series) -> dict[str, tuple[float, float]]:
    """Medians of the second and of the last quarter: after warming up, and in the end."""
    quarter = max(1, len(series.times) // 4)
    return {
        name: (
            statistics.median(values[quarter : 2 * quarter] or values),
            statistics.median(values[-quarter:]),
        )
        for name, values in series.values.items()
    }


@dataclass(frozen=True)
class Heap:
    """The server's live heap, in bytes, when nothing was left of so many runs."""

    runs: int
    size: int


def live_heap(port: int) -> int:
    """Bytes in use right after a garbage collection, as the server's own profile has it."""
    url = f"http://{HOST}:{port}/debug/pprof/heap?gc=1&debug=1"
    with urllib.request.urlopen(url, timeout=10) as answer:
        found = re.search(r"# HeapAlloc = (\d+)", answer.read().decode())
    assert found is not None, "the server's heap profile has no HeapAlloc"
    return int(found[1])


@dataclass
class Found:
    """What a soak has found."""

    soak: Soak
    heaps: list[Heap]
    left: int

    @property
    def bytes_a_run(self) -> float:
        """What a forgotten run costs the server's memory."""
        first, last = self.heaps
        return (last.size - first.size) / max(1, last.runs - first.runs)


async def _soak(options: argparse.Namespace, cluster: Cluster, processes: Processes) -> Found:
    seconds = options.minutes * 60
    async with prepared(cluster) as client, Raw.connected(cluster.url) as raw:
        processes.start("coordinator-0", cluster.url, *COORDINATOR, "--log-level", "error")
        for number in range(2):
            processes.start(f"worker-{number}", cluster.url, *WORKER, "--log-level", "error")
        soak = Soak(client, raw, cluster, processes)
        heaps = []
        measuring = asyncio.create_task(soak.measure(max(1.0, seconds / SAMPLES)))
        for part in (min(WARM_UP, seconds / 3), seconds):
            await soak.load(part, options.rate)
            size = await asyncio.to_thread(live_heap, options.profile)
            heaps.append(Heap(soak.finished, size))
        measuring.cancel()
        return Found(soak, heaps, await soak.left())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write `bench/results/soak.svg` and `.json`, print what grew."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=20.0, help="runs started per second")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    options.profile = free_port()
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    settings = {"FLOWWORKER_RETENTION": str(RETENTION)}
    with (
        tempfile.TemporaryDirectory() as logs,
        Cluster(config=f"prof_port: {options.profile}\n") as cluster,
        Processes(Path(logs), NAMESPACE, settings) as processes,
    ):
        found = asyncio.run(_soak(options, cluster, processes))
    _write(found, options)
    _show(found, options, console)
    return 1 if found.soak.failures or found.left else 0


def _write(found: Found, options: argparse.Namespace) -> None:
    series = found.soak.series
    (options.folder / "soak.svg").write_text(draw(series.times, panels(series)))
    result: dict[str, Any] = {
        "minutes": options.minutes,
        "runs": found.soak.finished,
        "failures": found.soak.failures,
        "left after retention": found.left,
        "live heap of the server": [(heap.runs, heap.size) for heap in found.heaps],
        "growth": growth(series),
        "times": series.times,
        "values": series.values,
    }
    (options.folder / "soak.json").write_text(json.dumps(result) + "\n")


def _show(found: Found, options: argparse.Namespace, console: Console) -> None:
    soak = found.soak
    console.print(
        f"{soak.finished:,} runs in {options.minutes:g} min, {len(soak.failures)} failures"
    )
    console.print(f"  {'median of a quarter':32} {'second':>12} {'last':>12}")
    for name, (early, late) in growth(soak.series).items():
        console.print(f"  {name:32} {early:12,.1f} {late:12,.1f}")
    console.print(f"subjects left after retention: {found.left}")
    for heap in found.heaps:
        size = heap.size / MEGA
        console.print(f"live heap of the server after {heap.runs:,} runs: {size:.2f} MB")
    console.print(f"bytes of it for each forgotten run: {found.bytes_a_run:.1f}")
    console.print(f"drawn in {options.folder / 'soak.svg'}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
