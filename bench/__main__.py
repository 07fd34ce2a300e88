"""Measures flowworker with real processes on this machine; `make bench`. Asserts nothing."""

from __future__ import annotations

import argparse
import asyncio
import os
import pstats
import signal
import sys
from typing import TYPE_CHECKING

import uvloop
from rich.console import Console

from bench.fleet import WORKFLOW, BenchFleet, chain
from bench.measure import WAIT_LIMIT, latency, raw_publish, throughput
from bench.report import Results, setup, show, write_results
from examples.orders.fleet import ProcessEnded
from flowworker import wiring
from flowworker.client import Client
from flowworker.errors import FlowworkerError
from flowworker.jetstream import ConnectionOptions, TopologyOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.publisher import Publisher
from flowworker.stores.stores import stores_of
from flowworker.tasks import cancel_all

if TYPE_CHECKING:
    from collections.abc import Sequence

WARM_UP = 100
LATENCY_RUNS = 300
HOTTEST = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write JSON."""
    options = parsed(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    try:
        with BenchFleet(
            workers=options.workers, sync_always=options.sync_always, profile=options.profile
        ) as fleet:
            results = uvloop.run(_measure(fleet, options, console))
            fleet.stop()
            show(console, results)
            if options.profile:
                _show_profile(fleet)
            else:
                console.print(f"written to {write_results(results)}", soft_wrap=True)
    except (FlowworkerError, ProcessEnded, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; everything was stopped\n")
        return 130
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=_positive, default=2000, help="for the throughput")
    parser.add_argument("--steps", type=_positive, default=5, help="in the chain")
    parser.add_argument("--workers", type=_positive, default=2, help="worker processes")
    parser.add_argument("--partitions", type=_positive, default=16, help="of the namespace")
    parser.add_argument(
        "--sync-always", action="store_true", help="the server flushes every write to disk"
    )
    parser.add_argument(
        "--durability",
        choices=["process", "power"],
        default="process",
        help="of the namespace; with `power` the server flushes as with --sync-always",
    )
    parser.add_argument(
        "--profile",
        choices=["worker", "coordinator"],
        default="",
        help="run one such process under cProfile and print where its time goes; the figures "
        "are not worth keeping then, and are not written",
    )
    options = parser.parse_args(arguments)
    options.sync_always |= options.durability == "power"
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1, found {text!r}")
    return int(text)


async def _measure(fleet: BenchFleet, options: argparse.Namespace, console: Console) -> Results:
    """Everything in turn, unless a process of the fleet ends."""
    working = asyncio.create_task(_all(fleet, options, console))
    watching = asyncio.create_task(fleet.fleet.watch())
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else watching.result()
    finally:
        await cancel_all([working, watching])


async def _all(fleet: BenchFleet, options: argparse.Namespace, console: Console) -> Results:
    load = os.getloadavg()[0]
    where = ConnectionOptions(url=fleet.server.url, name="bench")
    topology = TopologyOptions(partitions=options.partitions, durability=options.durability)
    async with wiring.nats(where, topology=topology) as backend:
        client = Client(stores_of(backend))
        await client.register(chain(options.steps))
        fleet.start()
        console.print(f"warming up with {WARM_UP} runs", style="bright_black")
        for _ in range(WARM_UP):
            (await client.run(WORKFLOW, timeout=WAIT_LIMIT)).raise_for_status()
        side = await connect(where)
        try:
            api = Api(side)
            console.print("measuring latency", style="bright_black")
            delay = await latency(client, min(LATENCY_RUNS, options.runs))
            console.print("measuring throughput", style="bright_black")
            speed = await throughput(backend, api, fleet, options.runs, options.steps)
            console.print("measuring raw publishing", style="bright_black")
            raw = await raw_publish(Publisher(side), api)
        finally:
            await side.close()
            client.close()
    about = setup(
        steps=options.steps,
        workers=options.workers,
        partitions=options.partitions,
        sync_always=options.sync_always,
        durability=options.durability,
        server=fleet.server.version,
        load=load,
    )
    return Results(about, delay, speed, raw)


def _show_profile(fleet: BenchFleet) -> None:
    stats = pstats.Stats(str(fleet.profile_path))
    stats.strip_dirs().sort_stats("tottime").print_stats(HOTTEST)


if __name__ == "__main__":
    sys.exit(main())
