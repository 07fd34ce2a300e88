"""A loop beside as many runs of one step: what does an instance cost?

`python -m bench.loop` prints steps per second of both and their ratio, with the memory that the
processes hold, and how long small runs take beside large loops. Figures of two commits are only
worth comparing if they were taken in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from bench.fleet import BenchFleet
from bench.report import say
from flowworker import wiring
from flowworker.client import Client
from flowworker.core.for_each import ForEach
from flowworker.core.model import Step, Workflow
from flowworker.jetstream import ConnectionOptions
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOP, PLAIN = "bench.loop", "bench.plain"
LIMIT = 600.0
"""Seconds that one measurement may take."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.loop", description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--beside", type=int, default=0, help="large loops beside small runs")
    parser.add_argument("--small", type=int, default=100, help="small runs, one after the other")
    parser.add_argument("--max-parallel", type=int, default=None)
    parser.add_argument("--profile", default="", help="coordinator or worker, under cProfile")
    options = parser.parse_args(arguments)
    with BenchFleet(workers=2, profile=options.profile) as fleet:
        uvloop.run(_measure(fleet, options))
        fleet.stop()
        if options.profile:
            Path(f"loop-{options.profile}.prof").write_bytes(fleet.profile_path.read_bytes())
    return 0


def loop(max_parallel: int | None) -> Workflow:
    """A loop of steps that do nothing, and a join."""
    each = ForEach("input.items", max_parallel=max_parallel)
    instances = Step("each", "bench.noop", for_each=each, with_={"n": "${item}"})
    return Workflow(LOOP, (instances, Step("join", "bench.noop", ("each",), with_={})))


def plain() -> Workflow:
    """One such step, with as much of an input."""
    return Workflow(PLAIN, (Step("each", "bench.noop", with_={"n": "${input.item}"}),))


async def _measure(fleet: BenchFleet, options: argparse.Namespace) -> None:
    async with wiring.nats(ConnectionOptions(url=fleet.server.url, name="bench")) as backend:
        client = Client(stores_of(backend))
        await client.register(loop(options.max_parallel))
        await client.register(plain())
        fleet.start()
        await _run(client, LOOP, {"items": [0]})
        await _run(client, PLAIN, {"item": 0})
        say(f"at rest: {_memory(fleet)}")
        for _ in range(options.rounds):
            of_loop = options.items / await _loops(client, 1, options.items)
            say(f"loop: {of_loop:,.0f} instances/s; {_memory(fleet)}")
            of_runs = options.items / await _plain(client, options.items)
            say(f"runs: {of_runs:,.0f} runs/s; {_memory(fleet)}")
            say(f"an instance does {of_loop / of_runs:.2f} of what a run of one step does")
        if options.beside:
            await _small(client, options.small, "alone")
            large = asyncio.create_task(_loops(client, options.beside, options.items))
            await asyncio.sleep(2.0)
            await _small(client, options.small, f"beside {options.beside} loops", large)
            took = await large
            rate = options.beside * options.items / took
            say(f"{options.beside} loops: {rate:,.0f} instances/s; {_memory(fleet)}")
        client.close()


async def _loops(client: Client, count: int, items: int) -> float:
    """Seconds that so many loops take, at once."""
    given = {"items": list(range(items))}
    begun = time.perf_counter()
    await asyncio.gather(*(_run(client, LOOP, given) for _ in range(count)))
    return time.perf_counter() - begun


async def _plain(client: Client, count: int) -> float:
    """Seconds that so many runs of one step take, at once."""
    gate = asyncio.Semaphore(1000)

    async def one(number: int) -> None:
        async with gate:
            await _run(client, PLAIN, {"item": number})

    begun = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(count)))
    return time.perf_counter() - begun


async def _small(
    client: Client, count: int, where: str, large: asyncio.Task[float] | None = None
) -> None:
    """Milliseconds of small runs, one after the other, as long as the large ones last."""
    took: list[float] = []
    while len(took) < count and not (large is not None and large.done()):
        begun = time.perf_counter()
        await _run(client, PLAIN, {"item": 0})
        took.append((time.perf_counter() - begun) * 1000)
    took.sort()
    half, most = took[len(took) // 2], took[int((len(took) - 1) * 0.99)]
    say(f"{len(took)} small runs {where}: p50 {half:.0f} ms, p99 {most:.0f} ms")


async def _run(client: Client, workflow: str, given: dict[str, Any]) -> None:
    (await client.run(workflow, given, timeout=LIMIT)).raise_for_status()


def _memory(fleet: BenchFleet) -> str:
    """Resident now, and at its most."""
    found = []
    for name, pid in fleet.fleet.pids.items():
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        now, most = (
            int(re.search(rf"{key}:\s+(\d+)", status)[1]) // 1024  # type: ignore[index]
            for key in ("VmRSS", "VmHWM")
        )
        found.append(f"{name} {now} MB (most {most})")
    return ", ".join(found)


if __name__ == "__main__":
    sys.exit(main())
