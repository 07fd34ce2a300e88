"""What outputs of a size cost in a graph whose last steps can see nearly all others.

    python -m bench.payloads                       a mosaic of our own, and a funnel
    python -m bench.payloads --workflow FILE       a workflow of yours whose steps use `wf.task`

For each size: a server, a coordinator, and workers of their own; one run; and how many bytes were
put out, are stored, and were sent over the network, and how much memory was used at most.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import uvloop
from msgspec import Struct

from bench.fleet import BenchFleet
from bench.handlers import OUTPUT_BYTES
from flowworker import wiring
from flowworker.client import Client
from flowworker.core.model import Step, Workflow
from flowworker.core.status import TERMINAL
from flowworker.definitions import load_paths
from flowworker.jetstream import ConnectionOptions
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.embedded import EmbeddedServer

SIZES = (48, 2_000, 10_000, 33_000, 100_000, 1_000_000)
WAIT_LIMIT = 1800.0
"""Seconds after which a run cannot end any more."""
_MEGABYTE = 1_000_000
_HEAD = (
    "| graph | output | status | seconds | put out | stored | sent | coordinator | worker |\n"
    "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
)


class Costs(Struct, frozen=True):
    """Of one run; bytes, but for the seconds.

    Attributes:
        stored: in all streams at its end.
        sent: by the server, to all clients.
        coordinator, worker: resident memory at its highest; of the workers, the highest.
    """

    status: str
    seconds: float
    stored: int
    sent: int
    coordinator: int
    worker: int


def mosaic(bands: int = 3, tiles: int = 36, pairs: int = 630) -> Workflow:
    """In each band tiles, pairs of them, what sees all pairs, tiles again; then all bands in one.

    The shape of the Montage workflows of astronomy: from the join on, each step of a band has
    nearly all of the band's steps as ancestors.
    """
    steps: list[Step] = []
    for band in range(bands):
        tile = [f"tile{band}.{n}" for n in range(tiles)]
        part = [f"part{band}.{n}" for n in range(tiles)]
        couples = itertools.islice(itertools.combinations(tile, 2), pairs)
        pair = [_task(f"pair{band}.{n}", *couple) for n, couple in enumerate(couples)]
        steps += [*(_task(one) for one in tile), *pair]
        steps.append(_task(f"fit{band}", *(one.id for one in pair)))
        steps.append(_task(f"model{band}", f"fit{band}"))
        steps += [_task(one, f"model{band}", of) for one, of in zip(part, tile, strict=True)]
        steps.append(_task(f"table{band}", *part))
        steps.append(_task(f"sum{band}", f"table{band}", *part))
        steps.append(_task(f"view{band}", f"sum{band}"))
    steps.append(_task("view", *(f"sum{band}" for band in range(bands))))
    return Workflow("bench.mosaic", tuple(steps))


def funnel(before: int = 300, after: int = 60) -> Workflow:
    """Steps beside each other, a join, and more of them."""
    first = [_task(f"in{n}") for n in range(before)]
    join = _task("join", *(step.id for step in first))
    return Workflow(
        "bench.funnel", (*first, join, *(_task(f"out{n}", "join") for n in range(after)))
    )


def _task(id_: str, *depends_on: str) -> Step:
    return Step(id_, "wf.task", tuple(dict.fromkeys(depends_on)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each graph and size."""
    parser = argparse.ArgumentParser(prog="python -m bench.payloads", description=__doc__)
    parser.add_argument("--workflow", type=Path, action="append", default=[])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    graphs = [loaded for _, loaded in load_paths(options.workflow)] if options.workflow else []
    print(_HEAD, flush=True)
    for workflow in graphs or [mosaic(), funnel()]:
        for size in options.sizes:
            os.environ[OUTPUT_BYTES] = str(size)
            with BenchFleet(workers=options.workers) as fleet:
                costs = uvloop.run(_cost(fleet, workflow))
                fleet.stop()
            print(_row(workflow, size, costs), flush=True)
    return 0


async def _cost(fleet: BenchFleet, workflow: Workflow) -> Costs:
    async with wiring.nats(ConnectionOptions(fleet.server.url)) as backend:
        client = Client(stores_of(backend))
        await client.register(workflow)
        fleet.start()
        before, begun = await _sent(fleet.server), time.monotonic()
        run = await client.start(workflow.name)
        status = await _end_of(RunStore(backend.runs), run)
        seconds = time.monotonic() - begun
        client.close()
        memory = {name: _peak(pid) for name, pid in fleet.fleet.pids.items()}
        return Costs(
            status,
            seconds,
            await stored_in(fleet.server),
            await _sent(fleet.server) - before,
            memory["coordinator"],
            max(size for name, size in memory.items() if name != "coordinator"),
        )


async def _end_of(runs: RunStore, run: str) -> str:
    """Ask for the record now and then: all else would be much to read, and counted."""
    until = time.monotonic() + WAIT_LIMIT
    while time.monotonic() < until:
        found = await runs.load(run)
        if found is not None and found[0].status in TERMINAL:
            return str(found[0].status)
        await asyncio.sleep(1.0)
    return "no end"


async def _sent(server: EmbeddedServer) -> int:
    return int((await _monitored(server, "varz"))["out_bytes"])


async def stored_in(server: EmbeddedServer) -> int:
    """Bytes in all streams."""
    return int((await _monitored(server, "jsz"))["bytes"])


async def _monitored(server: EmbeddedServer, page: str) -> dict[str, int]:
    [ports] = server.store.glob("*.ports")
    [url] = json.loads(ports.read_bytes())["monitoring"]

    def ask() -> dict[str, int]:
        with urlopen(f"{url}/{page}", timeout=60) as answer:
            found: dict[str, int] = json.load(answer)
            return found

    return await asyncio.to_thread(ask)


def _peak(pid: int) -> int:
    """Bytes of memory that a process had at most, where Linux tells."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _row(workflow: Workflow, size: int, costs: Costs) -> str:
    put_out = size * len(workflow.steps)
    numbers = (put_out, costs.stored, costs.sent, costs.coordinator, costs.worker)
    cells = " | ".join(f"{number / _MEGABYTE:,.1f} MB" for number in numbers)
    name = f"{workflow.name} ({len(workflow.steps):,})"
    return f"| {name} | {size:,} B | {costs.status} | {costs.seconds:.1f} | {cells} |"


if __name__ == "__main__":
    raise SystemExit(main())
