"""What a step costs in large runs, as ratios to one in many small runs.

    python -m bench.shapes                       shapes of our own
    python -m bench.shapes --workflow FILE       and a workflow of yours whose steps use `wf.task`

One fleet (nats-server with file storage, a coordinator, two workers) executes every shape in turn,
several times, so that what else the machine does falls upon each. Steps do nothing. Medians, and
ratios of medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from msgspec import Struct

from bench.fleet import BenchFleet, chain
from bench.loop import loop
from bench.measure import at_once
from bench.payloads import mosaic
from bench.report import Setup, say, setup, write
from bench.wide import wide
from flowworker import wiring
from flowworker.client import Client
from flowworker.codec.json import encode
from flowworker.core.model import Step, Workflow
from flowworker.definitions import load_paths
from flowworker.jetstream import ConnectionOptions
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.ports import Backend

WORKERS = 2
CHAINS, LENGTH = 62, 10
SMALL, ONE_CHAIN, WIDE_RUN = "small runs", f"{CHAINS} runs of a chain", f"a run of {CHAINS} chains"
LONG, IN_TURN = "one long chain", "small runs, one after the other"
"""What a long chain is like: there is one step at a time, which shares nothing with others."""


class Shape(Struct, frozen=True):
    """Runs of one workflow.

    Attributes:
        steps: of all of them together.
        runs: at once.
        turns: how often so many, one turn after the other.
    """

    workflow: Workflow
    steps: int
    runs: int = 1
    given: bytes = b"{}"
    turns: int = 1


class Measured(Struct):
    """Each time: steps per second, and milliseconds of processor time per step by process."""

    rate: list[float] = []
    cpu: list[float] = []
    by_process: list[dict[str, float]] = []


class Found(Struct):
    """Everything; ratios are to `SMALL`, but for the last two, whose names say to what."""

    setup: Setup
    steps: dict[str, int]
    measured: dict[str, Measured]
    cpu_ratios: dict[str, float]
    one_run_to_many: float
    long_to_in_turn: float


def shapes(own: Sequence[Workflow], size: int) -> dict[str, Shape]:
    """By what they are called in the table; the large ones have about `size` steps."""
    small, longest = chain(5), size // 10
    side_by_side = tuple(Step(f"s{n}", "bench.noop") for n in range(size - 1))
    parallel = Workflow(
        "bench.parallel",
        (*side_by_side, Step("join", "bench.noop", tuple(step.id for step in side_by_side))),
    )
    long = Workflow("bench.long", chain(longest).steps)
    graph, of_chains, one = mosaic(), wide(CHAINS, LENGTH), wide(1, LENGTH)
    items = encode({"items": list(range(size))})
    found = {
        SMALL: Shape(small, size, size // len(small.steps)),
        IN_TURN: Shape(small, longest, turns=longest // len(small.steps)),
        f"{size - 1:,} steps side by side, and a join": Shape(parallel, size),
        LONG: Shape(long, longest),
        f"a loop of {size:,} instances, and a join": Shape(loop(None), size + 1, given=items),
        f"a mosaic of {len(graph.steps):,}": Shape(graph, len(graph.steps)),
        WIDE_RUN: Shape(of_chains, CHAINS * LENGTH),
        ONE_CHAIN: Shape(Workflow("bench.one", one.steps), CHAINS * LENGTH, CHAINS),
    }
    found |= {each.name: Shape(each, len(each.steps)) for each in own}
    return found


async def measured(fleet: BenchFleet, every: dict[str, Shape], times: int) -> Found:
    """All of them in turn, and again; before that each once, unmeasured."""
    load = os.getloadavg()[0]
    found = {name: Measured() for name in every}
    async with wiring.nats(ConnectionOptions(url=fleet.server.url, name="bench")) as backend:
        client = Client(stores_of(backend))
        await client.register_all([shape.workflow for shape in every.values()])
        client.close()
        fleet.start()
        for turn in range(times + 1):
            for name, shape in every.items():
                await _execute(fleet, backend, shape, found[name] if turn else Measured())
            say(f"{turn} of {times} turns; load {os.getloadavg()[0]:.1f}")
    about = setup(
        steps=5, workers=WORKERS, server=fleet.server.version, load=max(load, os.getloadavg()[0])
    )
    cpu = {name: statistics.median(each.cpu) for name, each in found.items()}
    rate = {name: statistics.median(each.rate) for name, each in found.items()}
    return Found(
        about,
        {name: shape.steps for name, shape in every.items()},
        found,
        {name: each / cpu[SMALL] for name, each in cpu.items()},
        rate[WIDE_RUN] / rate[ONE_CHAIN],
        cpu[LONG] / cpu[IN_TURN],
    )


async def _execute(fleet: BenchFleet, backend: Backend, shape: Shape, into: Measured) -> None:
    before = fleet.cpu()
    seconds = 0.0
    for _ in range(shape.turns):
        seconds += await at_once(backend, shape.runs, shape.workflow.name, shape.given)
    used = {name: 1e3 * (cpu - before[name]) / shape.steps for name, cpu in fleet.cpu().items()}
    into.rate.append(shape.steps / seconds)
    into.cpu.append(sum(used.values()))
    into.by_process.append(used)


def table(found: Found) -> list[str]:
    """For people."""
    lines = [
        "| | steps | steps/s | processor time per step | to small runs |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, each in found.measured.items():
        lines.append(
            f"| {name} | {found.steps[name]:,} | {statistics.median(each.rate):,.0f} | "
            f"{statistics.median(each.cpu):.2f} ms | {found.cpu_ratios[name]:.2f} |"
        )
    lines.append("")
    lines.append(
        f"{WIDE_RUN} to {ONE_CHAIN}, steps/s: {found.one_run_to_many:.2f}; {LONG} to {IN_TURN}, "
        f"processor time per step: {found.long_to_in_turn:.2f}"
    )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m bench.shapes`."""
    parser = argparse.ArgumentParser(prog="python -m bench.shapes", description=__doc__)
    parser.add_argument("--size", type=int, default=10_000, help="steps of the large ones")
    parser.add_argument("--times", type=int, default=3, help="how often everything is measured")
    parser.add_argument("--workflow", type=Path, action="append", default=[])
    options = parser.parse_args(arguments)
    own = [loaded for _, loaded in load_paths(options.workflow)] if options.workflow else []
    every = shapes(own, options.size)
    with BenchFleet(workers=WORKERS) as fleet:
        found = uvloop.run(measured(fleet, every, options.times))
        fleet.stop()
    say("\n".join(table(found)))
    say(f"written to {write('shapes', found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
