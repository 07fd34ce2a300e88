"""What each durability costs, as ratios to `process`, and what shards give back.

    python -m bench.durability

A new fleet for each measurement (file storage, a coordinator, two workers), in turn, several times:
a chain of five steps that do nothing, many at once and one by one, and the same server's bare
publishing into one stream. `machine` has three servers, which share this machine's processors with
all else.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from typing import TYPE_CHECKING

import uvloop
from msgspec import Struct

from bench.chain import measured
from bench.fleet import BenchFleet
from bench.report import Results, say, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowworker.jetstream.topology.durability import Durability

BASE = "process"
WAYS: dict[str, tuple[Durability, int]] = {
    BASE: ("process", 1),
    "power": ("power", 1),
    "power, 4 shards": ("power", 4),
    "machine": ("machine", 1),
    "machine, 3 shards": ("machine", 3),
}
"""What is measured: durability and shards."""
ROWS = {
    "steps/s": lambda one: one.throughput.steps_per_second,
    "a run of five steps, p50, ms": lambda one: one.latency.p50,
    "processor time per step, ms": lambda one: (
        1e3 * sum(one.throughput.cpu.values()) / one.throughput.steps
    ),
    "bare publishes/s": lambda one: one.raw.per_second,
    "steps/s to bare publishes/s": lambda one: one.throughput.steps_per_second / one.raw.per_second,
}


class Found(Struct):
    """Medians by what `WAYS` has, ratios of them to those of `BASE`, and all that was measured."""

    medians: dict[str, dict[str, float]]
    ratios: dict[str, dict[str, float]]
    measured: dict[str, list[Results]]


def found_in(every: Mapping[str, list[Results]]) -> Found:
    """Sum up."""
    medians = {
        name: {row: statistics.median(map(of, each)) for row, of in ROWS.items()}
        for name, each in every.items()
    }
    ratios = {
        name: {row: value / medians[BASE][row] for row, value in each.items()}
        for name, each in medians.items()
    }
    return Found(dict(medians), dict(ratios), dict(every))


def table(found: Found) -> list[str]:
    """Absolute numbers and ratios."""
    names = list(found.medians)
    lines = ["| | " + " | ".join(names) + " |"]
    lines.append("| --- |" + " ---: |" * len(names))
    for row in ROWS:
        cells = [
            f"{found.medians[name][row]:,.2f} ({found.ratios[name][row]:.2f})" for name in names
        ]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m bench.durability`."""
    parser = argparse.ArgumentParser(prog="python -m bench.durability", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="at once, each time")
    parser.add_argument("--times", type=int, default=3, help="how often everything is measured")
    options = parser.parse_args(arguments)
    every: dict[str, list[Results]] = {name: [] for name in WAYS}
    for turn in range(options.times):
        for name, each in every.items():
            durability, shards = WAYS[name]
            with BenchFleet(workers=2, durability=durability, shards=shards) as fleet:
                each.append(uvloop.run(measured(fleet, options.runs, 5, 16, lambda _: None)))
                fleet.stop()
        say(f"{turn + 1} of {options.times} turns")
    found = found_in(every)
    say("\n".join(table(found)))
    say(f"written to {write('durability', found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
