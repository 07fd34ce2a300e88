"""What a list of runs costs beside ever more of them, as ratios to the first number.

Runs are written as records, without a fleet (`bench.retained`).

Every question is asked some times, by a client that has asked nothing before: the median counts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from bench.retained import Retained
from flowworker.client import Client
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions, TopologyOptions, open_backend
from flowworker.ports import Backend
from flowworker.stores.stores import stores_of

NAMESPACE = "listing"
LIMIT = 50
QUESTIONS = {
    "all, first page": "",
    "of a workflow": "workflow=even",
    "failed": "state=failed",
    "of a day": "started>-1d",
    "failed with ValueError": "state=failed error=ValueError",
    "not there": "state=running",
}
PAGES = 10
"""Pages that are turned by the question after these."""


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Backend, Retained]]:
    """A server with file storage and nothing in it, and who writes runs there."""
    with EmbeddedServer(store=folder) as server:
        options = ConnectionOptions(url=server.url)
        backend = await open_backend(options, NAMESPACE, topology=TopologyOptions())
        try:
            async with Retained(server.url, NAMESPACE, time.time()) as retained:
                yield backend, retained
        finally:
            await backend.close()


async def ask(backend: Backend, where: str, times: int) -> float:
    """Seconds that a first page takes, the median."""
    took = []
    for _ in range(times):
        client = Client(stores_of(backend))
        began = time.monotonic()
        await client.find(where, LIMIT)
        took.append(time.monotonic() - began)
    return statistics.median(took)


async def turn(backend: Backend, times: int) -> float:
    """Seconds that a page takes, of `PAGES` one after the other, the median."""
    took = []
    for _ in range(times):
        client, cursor = Client(stores_of(backend)), ""
        for _ in range(PAGES):
            began = time.monotonic()
            cursor = (await client.find("", LIMIT, cursor)).cursor
            took.append(time.monotonic() - began)
    return statistics.median(took)


async def measured(numbers: list[int], times: int) -> dict[str, list[float]]:
    """Seconds by question, for each number of runs."""
    found: dict[str, list[float]] = {name: [] for name in (*QUESTIONS, "next page")}
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder)) as (backend, retained):
            before = 0
            for number in numbers:
                began = time.monotonic()
                await retained.write(before, number)
                before = number
                print(f"{number:,} runs, written in {time.monotonic() - began:.0f} s", flush=True)
                for name, where in QUESTIONS.items():
                    found[name].append(await ask(backend, where, times))
                found["next page"].append(await turn(backend, times))
    return found


def main() -> None:
    """`python -m bench.listing`."""
    parser = argparse.ArgumentParser(prog="python -m bench.listing", description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--times", type=int, default=9, help="how often each question is asked")
    given = parser.parse_args()
    numbers = sorted(given.runs)
    found = asyncio.run(measured(numbers, given.times))
    print("| question |", " | ".join(f"{number:,} runs" for number in numbers), "|")
    print("| --- |", " | ".join("---" for _ in numbers), "|")
    for name, (first, *rest) in found.items():
        cells = [f"{1e3 * first:.1f} ms", *(f"{each / first:.1f} times" for each in rest)]
        print(f"| {name} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
