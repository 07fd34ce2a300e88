"""What a list of runs costs beside ever more of them, as ratios to the first number.

Runs are written as records and entries of the index, without a fleet: one that has ended for each
second before now, of two workflows, and each hundredth of them failed. So their numbers are real,
and their histories are missing, which no list reads.

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

from flowworker.client import Client
from flowworker.codec.index import entry_of
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord, Stop, StopReason
from flowworker.core.status import RunStatus
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions, TopologyOptions, open_backend
from flowworker.ports import Backend
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of

TOGETHER = 500
LIMIT = 50
WHY = Stop(StopReason.FAILED, "step 'a' failed: ValueError: no", "a")
RARE = 100
"""One run of so many failed."""
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
async def opened(folder: Path) -> AsyncIterator[Backend]:
    """A server with file storage, and nothing in it."""
    with EmbeddedServer(store=folder) as server:
        options = ConnectionOptions(url=server.url)
        backend = await open_backend(options, "listing", topology=TopologyOptions())
        try:
            yield backend
        finally:
            await backend.close()


async def write(backend: Backend, first: int, last: int, now: float) -> None:
    """Runs of these numbers, each as its coordinator leaves it in the bucket of records."""
    runs = RunStore(backend.runs)

    async def leave(number: int) -> None:
        created = now - number - 1.0
        failed = number % RARE == 0
        record = RunRecord(
            f"kept-{number}",
            "odd" if number % 2 else "even",
            "h",
            RunStatus.FAILED if failed else RunStatus.COMPLETED,
            EMPTY,
            created,
            finished_at=created + 0.5,
            stop=WHY if failed else None,
        )
        await runs.save(record, 0)
        await runs.index(entry_of(record))

    for start in range(first, last, TOGETHER):
        await asyncio.gather(*(leave(n) for n in range(start, min(start + TOGETHER, last))))


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
        async with opened(Path(folder)) as backend:
            before, now = 0, time.time()
            for number in numbers:
                began = time.monotonic()
                await write(backend, before, number, now)
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
