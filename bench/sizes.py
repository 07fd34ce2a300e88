"""What a run takes: bytes and subjects in the streams, memory of the server and of a coordinator.

finished   runs of one step, and of several: the difference is what a step takes, the rest a run's
waiting    runs that wait for a worker that does not exist, all in the memory of one coordinator

Run it by itself: python -m bench.sizes
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import uvloop
from msgspec import Struct
from msgspec.structs import replace

from bench.fleet import BenchFleet, chain
from flowworker import wiring
from flowworker.client import Client
from flowworker.core.model import Workflow
from flowworker.jetstream import ConnectionOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.stores.stores import stores_of

LONG = 6
TOGETHER = 200
TIMEOUT = 600.0
FIRST, *REST = chain(LONG).steps
WAITING = Workflow("waiting", (replace(FIRST, queue="nobody"), *REST))


class Size(Struct, frozen=True):
    """What there is at a moment, or what has come since another."""

    bytes: int
    subjects: int
    server: int
    coordinator: int

    def since(self, before: Size) -> Size:
        return Size(*(getattr(self, f) - getattr(before, f) for f in self.__struct_fields__))


async def measure(fleet: BenchFleet, runs: int, waiting: int) -> list[str]:
    """Lines that say what was found."""
    where = ConnectionOptions(url=fleet.server.url, name="bench")
    async with wiring.nats(where) as backend:
        client, side = Client(stores_of(backend)), await connect(where)
        api = Api(side)
        short, long = replace(chain(1), name="short"), replace(chain(LONG), name="long")
        await client.register_all([short, long, WAITING])
        fleet.start()
        sizes = [await size(api, fleet)]
        for workflow in (short, long):
            await finish(client, workflow.name, runs)
            sizes.append(await size(api, fleet))
        await begin(client, waiting)
        sizes.append(await size(api, fleet))
        await side.close()
        client.close()
    one, many, asleep = (after.since(before) for before, after in pairwise(sizes))
    step = (many.bytes - one.bytes) / runs / (LONG - 1)
    per_step = (many.subjects - one.subjects) / runs / (LONG - 1)
    return [
        f"nats-server {fleet.server.version}, {runs} runs of 1 and of {LONG} steps, then "
        f"{waiting} that wait",
        f"a step: {step:,.0f} bytes, {per_step:.1f} subjects",
        f"a run beside its steps: {one.bytes / runs - step:,.0f} bytes, "
        f"{one.subjects / runs - per_step:.1f} subjects",
        f"the server's memory: {sizes[0].server / 1e6:.0f} MB at first, then "
        f"{(one.server + many.server) / (one.subjects + many.subjects):,.0f} bytes per subject",
        f"a coordinator's memory: {sizes[2].coordinator / 1e6:.0f} MB, and "
        f"{asleep.coordinator / waiting:,.0f} bytes per active run",
    ]


async def size(api: Api, fleet: BenchFleet) -> Size:
    streams = (await api.call("STREAM.LIST"))["streams"]
    states = [stream["state"] for stream in streams]
    assert fleet.server.pid is not None
    return Size(
        sum(state["bytes"] for state in states),
        sum(state.get("num_subjects", 0) for state in states),
        resident(fleet.server.pid),
        resident(fleet.fleet.pids["coordinator"]),
    )


def resident(pid: int) -> int:
    """Bytes of memory that a process has, of its own and of files."""
    [line] = [
        line
        for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
        if line.startswith("VmRSS:")
    ]
    return int(line.split()[1]) * 1024


async def finish(client: Client, workflow: str, runs: int) -> None:
    """Run them to their ends."""
    for _ in range(0, runs, TOGETHER):
        results = await asyncio.gather(
            *(client.run(workflow, timeout=TIMEOUT) for _ in range(TOGETHER))
        )
        for result in results:
            result.raise_for_status()


async def begin(client: Client, runs: int) -> None:
    """Start runs that wait, until the last of them does."""
    last = ""
    for _ in range(0, runs, TOGETHER):
        started = await asyncio.gather(*(client.start(WAITING.name) for _ in range(TOGETHER)))
        last = started[-1]
        async with aclosing(client.watch(last)) as events:
            await anext(events)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sizes", description=__doc__)
    parser.add_argument("--runs", type=int, default=4000, help="of each length")
    parser.add_argument("--waiting", type=int, default=10000, help="that wait")
    options = parser.parse_args()
    with BenchFleet(workers=1) as fleet:
        lines = uvloop.run(measure(fleet, options.runs, options.waiting))
        fleet.stop()
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
