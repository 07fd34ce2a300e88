"""A fleet under steady load for as long as you like: what grows?

Runs are kept for a short while, so that after that the server forgets as much as it learns: from
then on nothing may grow. Measured at every tick, drawn as SVG in the end. `make soak`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bench.chaos.campaign import COORDINATOR, NAMESPACE, WORKER, prepared
from bench.chaos.chart import Panel, draw
from bench.chaos.cluster import Cluster
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
        self._latencies: list[float] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, seconds: float, rate: float) -> None:
        """Start runs at that rate, and measure."""
        began = time.monotonic()
        tick = max(1.0, seconds / SAMPLES)
        measuring = asyncio.create_task(self._measure(began, tick))
        number = 0
        while (now := time.monotonic()) < began + seconds:
            await asyncio.sleep(max(0.0, began + number / rate - now))
            task = asyncio.create_task(self._one(MIX[number % len(MIX)], f"soak-{number:08d}"))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            number += 1
        await asyncio.gather(*self._tasks)
        measuring.cancel()

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

    async def _measure(self, began: float, tick: float) -> None:
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
            self.series.add(time.monotonic() - began, measured)


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


async def _soak(options: argparse.Namespace, cluster: Cluster, processes: Processes) -> Soak:
    async with prepared(cluster) as client, Raw.connected(cluster.url) as raw:
        processes.start("coordinator-0", cluster.url, *COORDINATOR, "--log-level", "error")
        for number in range(2):
            processes.start(f"worker-{number}", cluster.url, *WORKER, "--log-level", "error")
        soak = Soak(client, raw, cluster, processes)
        await soak.run(options.minutes * 60, options.rate)
        await asyncio.sleep(RETENTION + 5)
        left = {
            name: len(await raw.subjects(name))
            for name in await raw.streams()
            if not name.endswith(("_definitions", "_locks"))
        }
        soak.series.values["left"] = [float(sum(left.values()))] * len(soak.series.times)
        return soak


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write `bench/results/soak.svg` and `.json`, print what grew."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=20.0, help="runs started per second")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    settings = {"FLOWWORKER_RETENTION": str(RETENTION)}
    with (
        tempfile.TemporaryDirectory() as logs,
        Cluster() as cluster,
        Processes(Path(logs), NAMESPACE, settings) as processes,
    ):
        soak = asyncio.run(_soak(options, cluster, processes))
    left = soak.series.values.pop("left")[-1]
    (options.folder / "soak.svg").write_text(draw(soak.series.times, panels(soak.series)))
    result: dict[str, Any] = {
        "minutes": options.minutes,
        "runs": soak.finished,
        "failures": soak.failures,
        "left after retention": left,
        "growth": growth(soak.series),
        "times": soak.series.times,
        "values": soak.series.values,
    }
    (options.folder / "soak.json").write_text(json.dumps(result) + "\n")
    console.print(
        f"{soak.finished:,} runs in {options.minutes:g} min, {len(soak.failures)} failures"
    )
    for name, (early, late) in growth(soak.series).items():
        console.print(f"  {name:32} {early:12,.1f} {late:12,.1f}")
    console.print(f"  {'left after retention':32} {'':12} {left:12,.0f}")
    console.print(f"drawn in {options.folder / 'soak.svg'}", soft_wrap=True)
    return 1 if soak.failures or left else 0


if __name__ == "__main__":
    sys.exit(main())
