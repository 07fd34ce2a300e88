"""What a limit costs a step, and how fast who waits is let in.

The same runs of one step of 5 ms, all started at once, in a fleet of one coordinator and one
worker: without a limit, with one that has room for all, with few slots, and with a limit that is as
low. Per run: messages stored, and requests to the JetStream API. How long runs took from the start
of them all, and how long each place was taken by one of them: beside few slots, which is what the
same scarcity costs without limits.

Then the same of each kind of limit, where each is alone (`bench.run_limits`).

    python -m bench.limits
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time

import uvloop
from msgspec import Struct

from bench.counters import read_counters
from bench.fleet import BenchFleet
from bench.run_limits import print_kinds
from flowworker import wiring
from flowworker.client import Client
from flowworker.core.model import Step, Workflow
from flowworker.jetstream import ConnectionOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.stores.stores import stores_of

FREE = Workflow("bench.free", (Step("only", "bench.slow"),))
LIMITED = Workflow("bench.limited", (Step("only", "bench.slow", limits=("bench",)),))
SLOTS = "FLOWWORKER_CONCURRENCY"
MANY, LIMIT = 64, 600.0
_HEAD = (
    "| fleet | messages a run | requests a run | runs/s | p50, ms | p99, ms | ms a place |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
)


class Case(Struct, frozen=True):
    """A fleet: slots of its worker, and what its limit allows; 0 for no limit."""

    name: str
    slots: int
    limit: int = 0

    @property
    def places(self) -> int:
        """Attempts that can be at work."""
        return min(self.slots, self.limit or self.slots)


class Found(Struct, frozen=True):
    """Messages and requests per run, seconds in all, and those of each run, sorted."""

    messages: float
    requests: float
    seconds: float
    runs: list[float]


def main() -> int:
    """Print a row for each fleet."""
    parser = argparse.ArgumentParser(prog="python -m bench.limits")
    parser.add_argument("--runs", type=int, default=1000, help="of one step each")
    parser.add_argument("--few", type=int, default=2, help="places where they are scarce")
    parser.add_argument("--kinds", type=int, default=200, help="runs of each kind of limit")
    options = parser.parse_args()
    few = options.few
    print(_HEAD, flush=True)
    for case in (
        Case(f"{MANY} slots, no limit", MANY),
        Case(f"{MANY} slots, a limit of 1,000", MANY, 1000),
        Case(f"{few} slots, no limit", few),
        Case(f"{MANY} slots, a limit of {few}", MANY, few),
    ):
        os.environ[SLOTS] = str(case.slots)
        with BenchFleet(workers=1) as fleet:
            found = uvloop.run(_measured(fleet, case, options.runs))
            fleet.stop()
        half, most = found.runs[len(found.runs) // 2], found.runs[int(len(found.runs) * 0.99)]
        print(
            f"| {case.name} | {found.messages:.2f} | {found.requests:.2f} "
            f"| {options.runs / found.seconds:,.0f} | {1e3 * half:,.0f} | {1e3 * most:,.0f} "
            f"| {1e3 * case.places * found.seconds / options.runs:.1f} |",
            flush=True,
        )
    print_kinds(options.kinds)
    return 0


async def _measured(fleet: BenchFleet, case: Case, runs: int) -> Found:
    where = ConnectionOptions(fleet.server.url)
    workflow = LIMITED if case.limit else FREE
    async with wiring.nats(where) as backend:
        client, side = Client(stores_of(backend)), await connect(where)
        await client.register(workflow)
        fleet.start()
        if case.limit:
            await client.set_limit("bench", case.limit)
        (await client.run(workflow.name, timeout=LIMIT)).raise_for_status()  # all is warm
        api = Api(side)
        before, begun = await read_counters(api, fleet.server), time.monotonic()

        async def one() -> float:
            (await client.run(workflow.name, timeout=LIMIT)).raise_for_status()
            return time.monotonic() - begun

        took = sorted(await asyncio.gather(*(one() for _ in range(runs))))
        since = (await read_counters(api, fleet.server)).since(before)
        client.close()
        await side.close()
    return Found(sum(since.stored.values()) / runs, since.api / runs, took[-1], took)


if __name__ == "__main__":
    raise SystemExit(main())
