"""What a step of a short and of a long chain costs, with `with` and with the merged map.

    python -m bench.given

One server, one coordinator, one worker. For each chain: runs one after the other, and per step how
long it took, how many bytes and messages were stored, and how many requests the server counted.
"""

from __future__ import annotations

import os
import time

import uvloop
from msgspec import Struct

from bench.counters import read_counters
from bench.fleet import BenchFleet
from bench.handlers import OUTPUT_BYTES
from bench.payloads import stored_in
from flowworker import wiring
from flowworker.client import Client
from flowworker.core.model import Step, Workflow
from flowworker.jetstream import ConnectionOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.stores.stores import stores_of

CHAINS = ((10, 100), (1_000, 1))
"""Steps of a chain, and how many runs of it are made: as many steps in all."""
SIZE = "500"
_HEAD = (
    "| chain | given | ms a step | bytes a step | messages a step | requests a step |\n"
    "| ---: | --- | ---: | ---: | ---: | ---: |"
)


class Costs(Struct, frozen=True):
    """Per step."""

    seconds: float
    stored: float
    messages: float
    requests: float


def chain(steps: int, *, given: bool) -> Workflow:
    """Each step depends on the one before; if `given`, it gets what that put out alone."""
    return Workflow(
        f"bench.{'with' if given else 'merged'}{steps}",
        tuple(
            Step(
                f"s{n}",
                "wf.task",
                (f"s{n - 1}",) if n else (),
                with_=({"data": f"${{steps.s{n - 1}.output.data}}"} if n else {})
                if given
                else None,
            )
            for n in range(steps)
        ),
    )


def main() -> int:
    """Print a row for each chain."""
    os.environ[OUTPUT_BYTES] = SIZE
    print(_HEAD, flush=True)
    for given in (True, False):
        for steps, runs in CHAINS:
            with BenchFleet(workers=1) as fleet:
                costs = uvloop.run(_cost(fleet, chain(steps, given=given), runs))
                fleet.stop()
            name = "`with`" if given else "the merged map"
            print(
                f"| {steps:,} | {name} | {1000 * costs.seconds:.2f} | {costs.stored:,.0f} "
                f"| {costs.messages:.2f} | {costs.requests:.2f} |",
                flush=True,
            )
    return 0


async def _cost(fleet: BenchFleet, workflow: Workflow, runs: int) -> Costs:
    where = ConnectionOptions(fleet.server.url)
    async with wiring.nats(where) as backend:
        client = Client(stores_of(backend))
        await client.register(workflow)
        fleet.start()
        (await client.run(workflow.name, timeout=600)).raise_for_status()  # all is warm
        side = await connect(where)
        api = Api(side)
        before, begun = await read_counters(api, fleet.server), time.monotonic()
        stored = await stored_in(fleet.server)
        for _ in range(runs):
            (await client.run(workflow.name, timeout=600)).raise_for_status()
        seconds = time.monotonic() - begun
        after, total = await read_counters(api, fleet.server), len(workflow.steps) * runs
        client.close()
        await side.close()
        since = after.since(before)
        return Costs(
            seconds / total,
            (await stored_in(fleet.server) - stored) / total,
            sum(since.stored.values()) / total,
            since.api / total,
        )


if __name__ == "__main__":
    raise SystemExit(main())
