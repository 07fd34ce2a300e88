"""How long it takes until others go on after a SIGKILL, and after a graceful end.

worker       from the kill until another worker's handler begins the same step
coordinator  from the kill until the last of many runs, started just after it, begins
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from pathlib import Path
from typing import Any

from bench.chaos.campaign import COORDINATOR, NAMESPACE, WORKER, prepared
from bench.chaos.cluster import Cluster
from bench.chaos.evidence import read_notes
from bench.chaos.processes import SETTINGS, Processes
from flowworker.client import Client

DEFAULTS = {"FLOWWORKER_DRAIN": "3"}
"""The settings' own leases: 30 s for claims, 10 s for partitions."""
RUNS = 48
WORKING = 0.3
"""Seconds after which nothing new is handed to a process that is gone."""


def measure_all(folder: Path, samples: int) -> list[dict[str, Any]]:
    """With short leases and with the defaults."""
    measured: list[dict[str, Any]] = []
    for name, settings, count in (
        ("lease 3 s, partition lease 2 s", SETTINGS, samples),
        ("defaults: lease 30 s, partition lease 10 s", DEFAULTS, max(1, samples // 2)),
    ):
        for role in ("worker", "coordinator"):
            for number in (signal.SIGKILL, signal.SIGTERM):
                below = folder / f"{role}-{number.name}-{len(measured)}"
                below.mkdir(parents=True)
                times = [measure(below / str(n), settings, role, number) for n in range(count)]
                measured.append(
                    {
                        "settings": name,
                        "what": f"{number.name} {role}",
                        "median": statistics.median(times),
                        "worst": max(times),
                        "samples": count,
                    }
                )
    return measured


def measure(folder: Path, settings: dict[str, str], role: str, number: signal.Signals) -> float:
    """One sample: seconds."""
    folder.mkdir()
    with Cluster() as cluster, Processes(folder, NAMESPACE, settings) as processes:
        return asyncio.run(_measure(cluster, processes, role, number))


async def _measure(
    cluster: Cluster, processes: Processes, role: str, number: signal.Signals
) -> float:
    async with prepared(cluster) as client:
        for name, command in (("coordinator", COORDINATOR), ("worker", WORKER)):
            for each in range(2):
                processes.start(f"{name}-{each}", cluster.url, *command)
        await client.start("chaos.chain", run_id="warm-up")
        await client.result("warm-up", 30)
        await asyncio.sleep(4.0)  # both coordinators have their share
        if role == "worker":
            return await _worker(client, processes, number)
        return await _coordinator(client, processes, number)


async def _worker(client: Client, processes: Processes, number: signal.Signals) -> float:
    for each in range(8):
        await client.start("chaos.long", run_id=f"long-{each}")
    victim = None
    while victim is None:
        await asyncio.sleep(0.05)
        victim = next((n for n in _notes(processes) if n["what"] == "begin"), None)
    killed = time.time()
    os.kill(victim["pid"], number)
    while True:
        await asyncio.sleep(0.05)
        for note in _notes(processes):
            same = (note["run"], note["attempt"]) == (victim["run"], victim["attempt"])
            if same and note["what"] == "begin" and note["pid"] != victim["pid"]:
                return float(note["at"] - killed)
            if same and note["what"] == "end" and note["how"] == "ok":
                return 0.0  # it was finished while draining


def _notes(processes: Processes) -> list[dict[str, Any]]:
    return [note for note in read_notes(processes.notes) if note["step"] == "slow"]


async def _coordinator(client: Client, processes: Processes, number: signal.Signals) -> float:
    runs = [f"chain-{each}" for each in range(RUNS)]
    processes.send("coordinator-0", number)
    killed = time.time()
    await asyncio.sleep(WORKING)
    for run in runs:
        await client.start("chaos.chain", run_id=run)
    await asyncio.gather(*(client.result(run, 60) for run in runs))
    first: dict[str, float] = {}
    for note in read_notes(processes.notes):
        if note["what"] == "begin":
            first.setdefault(note["run"], note["at"])
    return float(max(first[run] for run in runs) - killed)
