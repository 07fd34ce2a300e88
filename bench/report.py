"""The result: a table for people, JSON for comparing."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.measure import Latency, RawPublish, Throughput

if TYPE_CHECKING:
    from rich.console import Console

PACKAGES = ("flowworker", "nats-py", "uvloop", "msgspec")
RESULTS = Path(__file__).parent / "results"


class Setup(Struct, frozen=True):
    """What was measured on what.

    Attributes:
        load: processes that wanted a CPU, on average over the minute before.
    """

    steps: int
    workers: int
    partitions: int
    sync_interval: str
    durability: str
    cpus: int
    load: float
    machine: str
    python: str
    nats_server: str
    packages: dict[str, str]
    shards: int = 1


class Results(Struct, frozen=True):
    """Everything that one run of the benchmark found."""

    setup: Setup
    latency: Latency
    throughput: Throughput
    raw: RawPublish


def setup(
    *,
    steps: int,
    workers: int,
    server: str,
    load: float,
    partitions: int = 16,
    sync_always: bool = False,
    durability: str = "process",
    shards: int = 1,
) -> Setup:
    """Describe this machine and what runs on it."""
    return Setup(
        steps=steps,
        workers=workers,
        partitions=partitions,
        durability=durability,
        shards=shards,
        sync_interval="always" if sync_always else "2m (the server's default)",
        cpus=os.cpu_count() or 0,
        load=load,
        machine=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        nats_server=server,
        packages={name: version(name) for name in PACKAGES},
    )


def say(line: str) -> None:
    """Print a line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def write(name: str, found: Any) -> Path:
    """Write `bench/results/<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    return path


def write_results(results: Results) -> Path:
    """Write `bench/results/latest.json`."""
    derived = {
        "steps_per_second": results.throughput.steps_per_second,
        "raw_publishes_per_second": results.raw.per_second,
        "ratio": results.throughput.steps_per_second / results.raw.per_second,
        "per_step": per_step(results.throughput),
    }
    return write("latest", {**msgspec.to_builtins(results), "derived": derived})


def per_step(measured: Throughput) -> dict[str, float]:
    """What the server did for one step, on average; a run's own share is spread over its steps."""
    counters = measured.counters
    totals = {f"stored in {stream}": n for stream, n in counters.stored.items()}
    totals |= {
        "stored in all": sum(counters.stored.values()),
        "delivered to consumers": sum(counters.delivered.values()),
        "acknowledged": sum(counters.acked.values()),
        "API requests": counters.api,
        "messages from clients": counters.received,
        "messages to clients": counters.sent,
    }
    return {name: round(total / measured.steps, 3) for name, total in totals.items()}


def show(console: Console, results: Results) -> None:
    """Print everything."""
    about, chain = results.setup, f"chain of {results.setup.steps} no-op steps"
    packages = ", ".join(f"{name} {number}" for name, number in about.packages.items())
    console.print(
        f"{about.machine}, {about.cpus} CPUs (load before: {about.load:.1f}), "
        f"Python {about.python}, {packages}"
    )
    console.print(
        f"nats-server {about.nats_server}, file storage, sync_interval {about.sync_interval}, "
        f"durability {about.durability}; "
        f"1 coordinator, {about.workers} workers, {about.partitions} partitions"
    )
    speed, raw, delay = results.throughput, results.raw, results.latency
    table = _table(chain, "")
    table.add_row(f"latency, {delay.runs} runs one at a time: p50", f"{delay.p50:.2f} ms")
    table.add_row("p95", f"{delay.p95:.2f} ms")
    table.add_row("p99", f"{delay.p99:.2f} ms")
    table.add_row("worst", f"{delay.worst:.2f} ms")
    rate = f"{speed.steps_per_second:,.0f} steps/s"
    table.add_row(f"throughput, {speed.runs:,} runs in {speed.seconds:.2f} s", rate)
    how = f"{raw.size} bytes, {raw.inflight} in flight, 1 process, the engine's publisher"
    table.add_row(f"raw publishes ({how})", f"{raw.per_second:,.0f} /s")
    table.add_row("steps : raw publishes", f"1 : {raw.per_second / speed.steps_per_second:.1f}")
    console.print(table)
    counted = _table("what the server did per step", "messages")
    for name, count in per_step(speed).items():
        counted.add_row(name, f"{count:.2f}")
    console.print(counted)
    used = _table("processor time per step", "microseconds")
    for name, seconds in speed.cpu.items():
        used.add_row(name, f"{seconds / speed.steps * 1e6:.0f}")
    used.add_row("in all", f"{sum(speed.cpu.values()) / speed.steps * 1e6:.0f}")
    console.print(used)


def _table(title: str, unit: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(title)
    table.add_column(unit, justify="right")
    return table
