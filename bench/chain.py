"""A chain of steps that do nothing, executed by a fleet: its latency and its throughput."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bench.fleet import WORKFLOW, BenchFleet, chain
from bench.measure import WAIT_LIMIT, latency, raw_publish, throughput
from bench.report import Results, setup
from flowworker import wiring
from flowworker.client import Client
from flowworker.jetstream import ConnectionOptions, TopologyOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.publisher import Publisher
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP = 100
LATENCY_RUNS = 300


async def measured(
    fleet: BenchFleet, runs: int, steps: int, partitions: int, say: Callable[[str], object]
) -> Results:
    """Start the fleet, and measure everything in turn; `say` is called with what is done now."""
    topology = TopologyOptions(
        partitions=partitions, durability=fleet.durability, shards=fleet.shards
    )
    load = os.getloadavg()[0]
    where = ConnectionOptions(url=fleet.cluster.url, name="bench", wait=60.0)
    async with wiring.nats(where, topology=topology) as backend:
        client = Client(stores_of(backend))
        await client.register(chain(steps))
        fleet.start()
        say(f"warming up with {WARM_UP} runs")
        for _ in range(WARM_UP):
            (await client.run(WORKFLOW, timeout=WAIT_LIMIT)).raise_for_status()
        side = await connect(where)
        try:
            api = Api(side)
            say("measuring latency")
            delay = await latency(client, min(LATENCY_RUNS, runs))
            say("measuring throughput")
            speed = await throughput(backend, api, fleet, runs, steps)
            say("measuring raw publishing")
            raw = await raw_publish(Publisher(side), api, len(fleet.cluster.nodes))
        finally:
            await side.close()
            client.close()
    about = setup(
        steps=steps,
        workers=fleet.workers,
        partitions=partitions,
        sync_always=fleet.sync_always,
        durability=fleet.durability,
        shards=fleet.shards,
        server=fleet.server.version,
        load=load,
    )
    return Results(about, delay, speed, raw)
