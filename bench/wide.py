"""One wide run beside sixteen of them: do one run's events wait for each other?

`python -m bench.wide` prints steps per second of each and their ratio, and what a step costs on the
way forward beside its compensation on the way back. Figures of two commits are only worth comparing
if they were taken in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import uvloop

from bench.fleet import BenchFleet
from bench.measure import WAIT_LIMIT
from bench.report import say
from flowworker import wiring
from flowworker.client import Client
from flowworker.core.model import Saga, Step, Workflow
from flowworker.jetstream import ConnectionOptions
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDE = "bench.wide"
SAGA = "bench.saga"
AT_ONCE = 16
MILLISECOND = timedelta(milliseconds=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.wide", description=__doc__)
    parser.add_argument("--chains", type=int, default=62, help="side by side in a run")
    parser.add_argument("--steps", type=int, default=10, help="in each chain")
    parser.add_argument("--saga", type=int, default=300, help="steps to compensate")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with BenchFleet(workers=2) as fleet:
        uvloop.run(_measure(fleet, options))
    return 0


def wide(chains: int, steps: int) -> Workflow:
    """Chains of steps that do nothing, side by side."""
    return Workflow(
        WIDE,
        tuple(
            Step(f"c{n}s{at}", "bench.noop", (f"c{n}s{at - 1}",) * (at > 0))
            for n in range(chains)
            for at in range(steps)
        ),
    )


def saga(steps: int) -> Workflow:
    """One chain whose end fails, so that all of it is undone."""
    undo = Saga("bench.noop")
    chain = [Step(f"s{n}", "bench.noop", (f"s{n - 1}",) * (n > 0), saga=undo) for n in range(steps)]
    return Workflow(SAGA, (*chain, Step("end", "bench.fail", (f"s{steps - 1}",))))


async def _measure(fleet: BenchFleet, options: argparse.Namespace) -> None:
    async with wiring.nats(ConnectionOptions(url=fleet.server.url, name="bench")) as backend:
        client = Client(stores_of(backend))
        await client.register(wide(options.chains, options.steps))
        await client.register(saga(options.saga))
        fleet.start()
        steps = options.chains * options.steps
        (await client.run(WIDE, timeout=WAIT_LIMIT)).raise_for_status()
        for _ in range(options.rounds):
            one = steps / await _timed(client, 1)
            many = AT_ONCE * steps / await _timed(client, AT_ONCE)
            say(f"one run {one:.0f} steps/s, {AT_ONCE} runs {many:.0f} steps/s: {one / many:.2f}")
            there, back = await _there_and_back(client)
            say(f"saga: {there / options.saga:.2f} ms a step, {back / options.saga:.2f} ms undone")
        client.close()


async def _timed(client: Client, runs: int) -> float:
    """Seconds that so many runs take, at once."""
    begun = time.perf_counter()
    for result in await asyncio.gather(
        *(client.run(WIDE, timeout=WAIT_LIMIT) for _ in range(runs))
    ):
        result.raise_for_status()
    return time.perf_counter() - begun


async def _there_and_back(client: Client) -> tuple[float, float]:
    """Milliseconds until the saga of a run began, and until it was over."""
    result = await client.run(SAGA, timeout=WAIT_LIMIT)
    at: dict[str, datetime] = {}
    async for event in client.watch(result.id):
        at[event["type"]] = datetime.fromisoformat(event["time"])
    begun, turned = at["workflow.started"], at["workflow.compensating"]
    return (turned - begun) / MILLISECOND, (at["workflow.failed"] - turned) / MILLISECOND


if __name__ == "__main__":
    sys.exit(main())
