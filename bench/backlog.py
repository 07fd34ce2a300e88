"""What a takeover costs beside a backlog, and what becomes of a flood of starts.

takeover   two coordinators; many runs wait for a worker that does not exist, many finished ones are
           retained. One coordinator is killed, small runs are started: until the last one has ended
flood      many starts at once, one slow worker, and a coordinator that is killed when half of them
           are stored: until all have ended

Small runs go on one after the other meanwhile, on a queue of their own, and are timed. Requests
are those to the JetStream API, pulls not among them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.chaos.processes import Processes
from bench.counters import read_counters
from bench.fleet import MONITORING
from flowworker.client import Client
from flowworker.codec.index import entry_of
from flowworker.codec.keys import RETENTION
from flowworker.core.event_types import EventType
from flowworker.core.ids import event_id
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus
from flowworker.definitions.content import plan_of
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions, TopologyOptions, open_backend
from flowworker.ports import Backend
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.tasks import cancel_all

NAMESPACE = "backlog"
SMALL = Workflow("small", (Step("a", "bench.noop", queue="small"),))
WAITING = Workflow("waiting", (Step("a", "bench.noop", queue="nobody"),))
SLOW = Workflow("slow", (Step("a", "bench.slow", queue="slow"),))
TOGETHER = 500
AT_ONCE = 48
WAIT_LIMIT = 600.0


class Row(NamedTuple):
    """A phase, the seconds that it took, and the requests in it."""

    phase: str
    seconds: float
    requests: int


class Bench:
    """A server, a fleet, and a client that times small runs."""

    def __init__(self, server: EmbeddedServer, backend: Backend, processes: Processes) -> None:
        self.backend = backend
        self.client = Client(stores_of(backend))
        self.processes = processes
        self._server = server
        self._count = 0
        self.rows: list[Row] = []

    async def small(self) -> float:
        """Start one and wait for its result: seconds."""
        self._count += 1
        run, began = f"small-{self._count}", time.monotonic()
        await self.client.start("small", run_id=run)
        await self.client.result(run, WAIT_LIMIT)
        return time.monotonic() - began

    async def api(self) -> int:
        """Requests so far."""
        api = self.backend.timers._api  # type: ignore[attr-defined]  # noqa: SLF001
        return (await read_counters(api, self._server)).api

    @contextlib.asynccontextmanager
    async def watched(self, phase: str) -> AsyncIterator[None]:
        """Time small runs while something happens, and print what it was like."""
        times: list[float] = []

        async def observe() -> None:
            while True:
                times.append(await self.small())
                await asyncio.sleep(0.02)

        before, began = await self.api(), time.monotonic()
        observer = asyncio.create_task(observe())
        try:
            yield
        finally:
            await cancel_all([observer])
        seconds = time.monotonic() - began
        requests = await self.api() - before
        self.rows.append(Row(phase, seconds, requests))
        latency = "-"
        if times:
            latency = f"{1e3 * statistics.median(times):.0f}; {1e3 * max(times):.0f} ms"
        print(f"| {phase} | {seconds:.1f} s | {requests:,} | {latency} |", flush=True)

    async def retained(self, count: int) -> None:
        """Finished runs, as they are left behind, written without a fleet."""
        runs, events, now = RunStore(self.backend.runs), self.backend.events, time.time()
        digest = plan_of(SMALL).hash

        async def leave(run: str) -> None:
            record = RunRecord(
                run, "small", digest, RunStatus.COMPLETED, EMPTY, now, finished_at=now
            )
            for event_type in (EventType.STARTED, EventType.STEP_COMPLETED, EventType.COMPLETED):
                event = event_id(run, event_type)
                await events.publish(run, f"{event_type}.kept", b"x" * 400, event)
            await runs.save(record, 0)
            await runs.index(entry_of(record))
            await self.backend.timers.set(run, RETENTION, now + 72 * 3600)

        for first in range(0, count, TOGETHER):
            some = range(first, min(first + TOGETHER, count))
            await asyncio.gather(*(leave(f"kept-{number}") for number in some))

    async def start(self, workflow: str, count: int) -> None:
        """So many starts, as fast as they are stored."""
        for first in range(0, count, TOGETHER):
            some = range(first, min(first + TOGETHER, count))
            await asyncio.gather(
                *(self.client.start(workflow, run_id=f"{workflow}-{n}") for n in some)
            )

    async def until_listed(self, status: RunStatus, workflow: str, count: int) -> None:
        """Wait until that many runs are listed so."""
        runs = RunStore(self.backend.runs)
        async with asyncio.timeout(WAIT_LIMIT):
            while len(await runs.list(status, workflow)) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.5)

    async def until_unlisted(self, status: RunStatus, workflow: str) -> None:
        """Wait until no run is listed so: what has ended is, for a moment, listed as both."""
        runs = RunStore(self.backend.runs)
        async with asyncio.timeout(WAIT_LIMIT):
            while await runs.list(status, workflow):  # noqa: ASYNC110
                await asyncio.sleep(0.5)

    async def until_queued(self, count: int) -> None:
        """Wait until that many runs have messages."""
        async with asyncio.timeout(WAIT_LIMIT):
            while len(await self.backend.steps.backlog()) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.5)

    async def until_shared(self) -> None:
        """Wait until both coordinators have partitions."""
        holders = self.backend.leases.holders
        async with asyncio.timeout(WAIT_LIMIT):
            while len(set((await holders("partition.*")).values())) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.5)


@contextlib.contextmanager
def fleet(server: EmbeddedServer) -> Iterator[Processes]:
    """Two coordinators, a worker of small runs, a slow one."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Processes(Path(folder), NAMESPACE, {}) as processes,
    ):
        app = ("worker", "--app", "bench.handlers:app", "--queue")
        for name in ("coordinator-0", "coordinator-1"):
            processes.start(name, server.url, "coordinator")
        processes.start("small", server.url, *app, "small")
        processes.start("slow", server.url, *app, "slow", "--concurrency", "4")
        yield processes


@contextlib.asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """Everything, with nothing in it yet."""
    with EmbeddedServer(config=MONITORING) as server:
        options = ConnectionOptions(url=server.url, wait=20.0)
        backend = await open_backend(options, NAMESPACE, topology=TopologyOptions())
        try:
            with fleet(server) as processes:
                bench = Bench(server, backend, processes)
                for workflow in (SMALL, WAITING, SLOW):
                    await bench.client.register(workflow)
                await bench.small()
                await bench.until_shared()
                yield bench
                bench.client.close()
        finally:
            await backend.close()


async def takeover(unfinished: int, retained: int, seconds: float) -> list[Row]:
    """What it was like before, from the kill on, and after."""
    name = f"{unfinished:,} unfinished, {retained:,} retained"
    async with bench() as one:
        await one.retained(retained)
        await one.start("waiting", unfinished)
        await one.until_queued(unfinished)
        async with one.watched(f"{name}: before"):
            await asyncio.sleep(seconds)
        async with one.watched(f"{name}: from the kill until the last of {AT_ONCE} ended"):
            one.processes.send("coordinator-0", signal.SIGKILL)
            await asyncio.gather(*(one.small() for _ in range(AT_ONCE)))
        async with one.watched(f"{name}: after"):
            await asyncio.sleep(seconds)
        return one.rows


async def flood(count: int) -> Counter[str]:
    """One row until half is stored, one from the kill until all have ended; how they ended."""
    name = f"{count:,} starts at once"
    async with bench() as one:
        async with one.watched(f"{name}: the first half is stored"):
            await one.start("slow", count // 2)
        one.processes.send("coordinator-0", signal.SIGKILL)
        async with one.watched(f"{name}: from the kill until all have ended"):
            await one.start("slow", count)
            await one.until_listed(RunStatus.COMPLETED, "slow", count)
            await one.until_unlisted(RunStatus.RUNNING, "slow")
        runs = RunStore(one.backend.runs)
        return Counter({str(each): len(await runs.list(each, "slow")) for each in RunStatus})


def main() -> None:
    """Read arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.backlog", description=__doc__)
    parser.add_argument("--unfinished", type=int, nargs="*", default=[0, 50_000])
    parser.add_argument("--retained", type=int, default=300_000, help="beside the last of those")
    parser.add_argument("--flood", type=int, default=50_000, help="0: no flood")
    parser.add_argument("--seconds", type=float, default=30.0, help="before and after a takeover")
    asked = parser.parse_args()
    print("| phase | took | requests | a small run, p50; worst |\n| --- | --- | --- | --- |")
    for unfinished in asked.unfinished:
        asyncio.run(takeover(unfinished, 0, asked.seconds))
    if asked.retained and asked.unfinished:
        asyncio.run(takeover(asked.unfinished[-1], asked.retained, asked.seconds))
    if asked.flood:
        asyncio.run(flood(asked.flood))


if __name__ == "__main__":
    main()
