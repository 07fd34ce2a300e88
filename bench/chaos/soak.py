"""A fleet under steady load for as long as you like: what grows?

Runs are kept for a short while, so that after that the server forgets as much as it learns: from
then on nothing may grow. Measured at every tick, drawn as SVG in the end. `make soak`.

The load pauses some times until all its runs are forgotten. Then nothing may be left, and the live
heap of the server, right after a garbage collection, tells what forgotten runs cost it: resident
memory tells more of the collector than of what is in use.
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
from bench.chaos.cluster import HOST, Cluster
from bench.chaos.processes import Processes
from bench.chaos.raw import Raw
from bench.ports import free_port
from flowworker.client import Client
from flowworker.errors import FlowworkerError

if TYPE_CHECKING:
    from collections.abc import Sequence

MIX = {
    "chaos.chain": "COMPLETED",
    "chaos.fallback": "COMPLETED",
    "chaos.saga": "FAILED",
    "chaos.retry": "COMPLETED",
}
"""Workflows, and how their runs end."""
CHAIN = "chaos.chain"
RESULTS = Path(__file__).parents[1] / "results"
SAMPLES = 200
"""Points of the drawing while there is load."""
PARTS = 3
"""How often the load pauses, its warm-up apart."""
RETENTION = 30.0
"""Seconds for which finished runs are kept."""
MEMORY = 130.0
"""Seconds for which the server remembers message ids, and a few more."""
WARM_UP = 60.0
"""Seconds of load before the first look at the server's live heap."""
MEGA = 1024 * 1024


@dataclass
class Series:
    """What was measured.

    Attributes:
        loaded: at which ticks there was load, after the warm-up and the first of its runs' end.
        values: by name, each as long as `times`.
    """

    times: list[float] = field(default_factory=list)
    loaded: list[bool] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, at: float, measured: dict[str, float], *, loaded: bool) -> None:
        """One tick."""
        self.times.append(at)
        self.loaded.append(loaded)
        for name, value in measured.items():
            self.values.setdefault(name, [0.0] * (len(self.times) - 1)).append(value)


class Soak:
    """The load, and its measurements."""

    def __init__(self, client: Client, raw: Raw, cluster: Cluster, processes: Processes) -> None:
        self.series = Series()
        self.finished = 0
        self.failures: list[str] = []
        self.left: list[int] = []
        self._client = client
        self._raw = raw
        self._cluster = cluster
        self._processes = processes
        self._began = time.monotonic()
        self._started = 0
        self._loaded = False
        self._latencies: list[float] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(self, seconds: float, rate: float, *, warm_up: bool = False) -> None:
        """Start runs at that rate, then wait until they are forgotten, and look what is left."""
        began = time.monotonic()
        first = self._started
        while (now := time.monotonic()) < began + seconds:
            self._loaded = not warm_up and now > began + min(RETENTION, seconds / 2)
            await asyncio.sleep(max(0.0, began + (self._started - first) / rate - now))
            workflow = tuple(MIX)[self._started % len(MIX)]
            task = asyncio.create_task(self._one(workflow, f"soak-{self._started:08d}"))
            self._tasks.add(task)
            self._started += 1
        self._loaded = False
        tasks, self._tasks = self._tasks, set()
        await asyncio.gather(*tasks)
        await asyncio.sleep(RETENTION + MEMORY)
        self.left.append(await self._count_left())

    async def _count_left(self) -> int:
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
            result = await self._client.run(workflow, {}, run_id=run, timeout=60)
        except FlowworkerError as error:
            self.failures.append(f"{run}: {error}")
            return
        self.finished += 1
        if result.status != MIX[workflow]:
            self.failures.append(f"{run}: {workflow} ended as {result.status}")
        if workflow == CHAIN:
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
            self.series.add(time.monotonic() - self._began, measured, loaded=self._loaded)


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
    """Medians of the first and of the last quarter of the load."""
    found = {}
    for name, values in series.values.items():
        loaded = [
            value for value, is_loaded in zip(values, series.loaded, strict=True) if is_loaded
        ]
        quarter = max(1, len(loaded) // 4)
        if loaded:
            found[name] = statistics.median(loaded[:quarter]), statistics.median(loaded[-quarter:])
    return found


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


async def _soak(
    options: argparse.Namespace, cluster: Cluster, processes: Processes
) -> tuple[Soak, list[Heap]]:
    seconds = options.minutes * 60
    async with prepared(cluster) as client, Raw.connected(cluster.url) as raw:
        processes.start("coordinator-0", cluster.url, *COORDINATOR, "--log-level", "error")
        for number in range(2):
            processes.start(f"worker-{number}", cluster.url, *WORKER, "--log-level", "error")
        soak = Soak(client, raw, cluster, processes)
        heaps = []
        measuring = asyncio.create_task(soak.measure(max(1.0, seconds / SAMPLES)))
        for part in range(PARTS + 1):
            loading = soak.load(
                seconds / PARTS if part else WARM_UP, options.rate, warm_up=not part
            )
            load = asyncio.create_task(loading)
            await asyncio.wait({load, measuring}, return_when=asyncio.FIRST_COMPLETED)
            if measuring.done():
                load.cancel()
                measuring.result()
            await load
            heaps.append(Heap(soak.finished, await asyncio.to_thread(live_heap, options.profile)))
        measuring.cancel()
        return soak, heaps


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
        soak, heaps = asyncio.run(_soak(options, cluster, processes))
    _write(soak, heaps, options)
    _show(soak, heaps, options, console)
    return 1 if soak.failures or any(soak.left) else 0


def _write(soak: Soak, heaps: list[Heap], options: argparse.Namespace) -> None:
    series = soak.series
    (options.folder / "soak.svg").write_text(draw(series.times, panels(series)))
    result: dict[str, Any] = {
        "minutes": options.minutes,
        "runs": soak.finished,
        "failures": soak.failures,
        "left after retention": soak.left,
        "live heap of the server": [(heap.runs, heap.size) for heap in heaps],
        "growth": growth(series),
        "times": series.times,
        "loaded": series.loaded,
        "values": series.values,
    }
    (options.folder / "soak.json").write_text(json.dumps(result) + "\n")


def _show(soak: Soak, heaps: list[Heap], options: argparse.Namespace, console: Console) -> None:
    console.print(
        f"{soak.finished:,} runs, {heaps[0].runs:,} of them in the warm-up and the others in "
        f"{options.minutes:g} min; {len(soak.failures)} failures"
    )
    for failure in soak.failures[:10]:
        console.print(f"  {failure}")
    console.print(f"  {'median of a quarter of the load':32} {'first':>12} {'last':>12}")
    for name, (early, late) in growth(soak.series).items():
        console.print(f"  {name:32} {early:12,.1f} {late:12,.1f}")
    console.print(f"subjects left after each pause: {soak.left}")
    for before, heap in zip((None, *heaps), heaps, strict=False):
        text = f"live heap of the server after {heap.runs:,} forgotten runs: "
        text += f"{heap.size / MEGA:.2f} MB"
        if before is not None:
            each = (heap.size - before.size) / max(1, heap.runs - before.runs)
            text += f", {each:+.0f} bytes for each since the line before"
        console.print(text)
    console.print(f"drawn in {options.folder / 'soak.svg'}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
