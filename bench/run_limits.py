"""What limits cost a run: messages stored and requests made, one kind of limit after the other.

Each run has a value of the key of its own, unless some are to wait or to be refused; so nothing is
shared, as it is where many come at the same time. They are started some at a time, in one fleet.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from bench.counters import read_counters
from bench.fleet import BenchFleet
from flowworker import wiring
from flowworker.client import Client
from flowworker.core.admission import RateLimit, RunConcurrency, Singleton, SingletonMode
from flowworker.core.debounce import Debounce
from flowworker.core.limit import Concurrency, Strategy, Throttle
from flowworker.core.model import Step, Workflow
from flowworker.errors import RunRefused
from flowworker.jetstream import ConnectionOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from bench.counters import Counters

STEP = Step("only", "bench.slow")
KEY, DAY, LIMIT = "input.n", 86_400.0, 600.0
AT_A_TIME = 8
HEAD = "| each run | messages | requests |\n| --- | ---: | ---: |"


class Kind(Struct, frozen=True):
    """A workflow, and what its runs show."""

    title: str
    workflow: Workflow
    at_a_time: int = AT_A_TIME


def _kinds() -> list[Kind]:
    def step(name: str, **limits: object) -> Workflow:
        return Workflow(f"bench.{name}", (Step("only", "bench.slow", **limits),))  # type: ignore[arg-type]

    def run(name: str, **limits: object) -> Workflow:
        return Workflow(f"bench.{name}", (STEP,), **limits)  # type: ignore[arg-type]

    skip = RunConcurrency(1, KEY, Strategy.SKIP)
    return [
        Kind("no limit", run("none")),
        Kind("a step's `concurrency`, with room", step("step", concurrency=(Concurrency(1, KEY),))),
        Kind("a step's `throttle`, with room", step("often", throttle=Throttle(1, DAY, 1, KEY))),
        Kind("`concurrency`, with room", run("room", concurrency=(RunConcurrency(1, KEY),))),
        Kind("`concurrency`, most wait", run("wait", concurrency=(RunConcurrency(2),)), 64),
        Kind("`strategy: skip`, with room", run("skip", concurrency=(skip,))),
        Kind("`throttle`, with room", run("throttle", throttle=Throttle(1, DAY, 1, KEY))),
        Kind("`throttle`, most wait", run("slow", throttle=Throttle(50, 1.0, 1)), 64),
        Kind("`rate_limit`, let in", run("rate", rate_limit=RateLimit(1, DAY, key=KEY))),
        Kind("`rate_limit`, rejected", run("refused", rate_limit=RateLimit(1, DAY))),
        Kind("`singleton: skip`, let in", run("single", singleton=Singleton(KEY))),
        Kind(
            "`singleton: cancel`, let in",
            run("latest", singleton=Singleton(KEY, SingletonMode.CANCEL)),
        ),
        Kind("`debounce`, begins", run("debounce", debounce=Debounce(0.05, key=KEY))),
        Kind("`debounce`, replaced", run("replaced", debounce=Debounce(2.0)), 64),
    ]


def print_kinds(runs: int) -> None:
    """Print a row for each kind."""
    print(HEAD, flush=True)
    with BenchFleet(workers=1) as fleet:
        asyncio.run(_measured(fleet, runs))
        fleet.stop()


async def _measured(fleet: BenchFleet, runs: int) -> None:
    where = ConnectionOptions(fleet.server.url)
    async with wiring.nats(where) as backend:
        client, side = Client(stores_of(backend)), await connect(where)
        kinds = _kinds()
        for kind in kinds:
            await client.register(kind.workflow)
        fleet.start()
        api = Api(side)
        for kind in kinds:
            await _run(client, kind, 1, "warm")
            before = await read_counters(api, fleet.server)
            await _run(client, kind, runs, "counted")
            since: Counters = (await read_counters(api, fleet.server)).since(before)
            messages = sum(since.stored.values()) / runs
            print(f"| {kind.title} | {messages:.2f} | {since.api / runs:.2f} |", flush=True)
        client.close()
        await side.close()


async def _run(client: Client, kind: Kind, runs: int, label: str) -> None:
    turns = asyncio.Semaphore(kind.at_a_time)

    async def one(number: int) -> None:
        async with turns:
            with suppress(RunRefused):
                given = {"n": f"{label}-{number}"}
                await client.run(kind.workflow.name, given, timeout=LIMIT)

    await asyncio.gather(*(one(number) for number in range(runs)))
