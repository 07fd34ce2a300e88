"""What a fleet can do beside ever more that is kept, as ratios to one beside nothing.

    python -m bench.growth --retained 100000 1000000 --waiting 100000 --schedules 10000

One fleet each (nats-server with file storage, a coordinator, a worker), all there at the same time,
and all asked in turn, several times, so that what else the machine does falls upon each: runs of
five steps that do nothing, many at once and one by one, and a coordinator's start. Medians, and
ratios of medians. Retained runs have their records, index entry and alarm, and no histories.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import TYPE_CHECKING

import uvloop
from msgspec import Struct

from bench import beside
from bench.counters import read_counters
from bench.fleet import WORKFLOW, BenchFleet, chain
from bench.measure import latency, throughput
from bench.report import Setup, say, setup, write
from bench.sizes import resident
from flowworker import wiring
from flowworker.client import Client
from flowworker.jetstream import ConnectionOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.ports import Backend

    Write = Callable[[str, Backend], Awaitable[object]]

STEPS = 5
WAIT_LIMIT = 600.0
SETTLED = 5.0
"""Seconds in which what was written comes to rest, and what a start has left to do is done."""
NOTHING = "nothing"
_NAMES = {
    "rate": "steps/s, many runs at once",
    "cpu": "processor time of all processes, ms per step",
    "requests": "requests to JetStream per step",
    "p50": "a run by itself, p50, ms",
    "start": "from a coordinator's start to the end of a run, s",
    "start_requests": "requests to JetStream meanwhile",
}


class Measured(Struct):
    """One number each time; see `_NAMES`."""

    rate: list[float] = []
    cpu: list[float] = []
    requests: list[float] = []
    p50: list[float] = []
    start: list[float] = []
    start_requests: list[float] = []


class Kept(Struct):
    """What a number of things takes, the share of an empty fleet taken off.

    Attributes:
        server_memory: bytes, of the server.
        disk: bytes, in the server's folder.
        coordinator_memory, worker_memory: bytes, of each of these processes.
    """

    server_memory: int
    disk: int
    coordinator_memory: int
    worker_memory: int


class Found(Struct):
    """Everything, by what a fleet stands beside."""

    setup: Setup
    counts: dict[str, int]
    measured: dict[str, Measured]
    kept: dict[str, Kept]
    ratios: dict[str, dict[str, float]]


class Stand:
    """A fleet beside something."""

    def __init__(self, count: int, before: Write | None = None, after: Write | None = None) -> None:
        """Beside so many of what is written before the fleet starts, or after that."""
        self.count = count
        self.measured = Measured()
        self.fleet = BenchFleet(workers=1)
        self._before = before
        self._after = after

    async def open(self, stack: AsyncExitStack) -> None:
        """Connect, start the fleet, execute a run, and write what it stands beside."""
        where = ConnectionOptions(url=self.fleet.server.url, name="bench", wait=60.0)
        self._backend = await stack.enter_async_context(wiring.nats(where))
        self._client = Client(stores_of(self._backend))
        stack.callback(self._client.close)
        await self._client.register_all([chain(STEPS), *beside.DEFINITIONS])
        side = await connect(where)
        stack.push_async_callback(side.close)
        self._api = Api(side)
        if self._before is not None:
            await self._before(self.fleet.server.url, self._backend)
        self.fleet.start()
        await self._run()
        if self._after is not None:
            await self._after(self.fleet.server.url, self._backend)

    async def _run(self) -> None:
        (await self._client.run(WORKFLOW, timeout=WAIT_LIMIT)).raise_for_status()

    async def load(self, runs: int, singly: int) -> None:
        """Many at once, then one by one."""
        found = await throughput(self._backend, self._api, self.fleet, runs, STEPS)
        self.measured.rate.append(found.steps_per_second)
        self.measured.cpu.append(1e3 * sum(found.cpu.values()) / found.steps)
        self.measured.requests.append(found.counters.api / found.steps)
        self.measured.p50.append((await latency(self._client, singly)).p50)

    async def start(self) -> None:
        """Start the fleet anew, and have a run executed."""
        await asyncio.to_thread(self.fleet.stop)
        before, began = await read_counters(self._api, self.fleet.server), time.monotonic()
        self.fleet.start()
        await self._run()
        self.measured.start.append(time.monotonic() - began)
        after = await read_counters(self._api, self.fleet.server)
        self.measured.start_requests.append(after.since(before).api)
        await asyncio.sleep(SETTLED)

    def kept(self) -> Kept:
        """What there is at this moment."""
        folder, pids = self.fleet.server.store, self.fleet.fleet.pids
        assert self.fleet.server.pid is not None
        return Kept(
            resident(self.fleet.server.pid),
            sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()),
            resident(pids["coordinator"]),
            resident(pids["worker-1"]),
        )


async def measured(stands: dict[str, Stand], given: argparse.Namespace) -> Found:
    """All of them in turn, and again."""
    load = os.getloadavg()[0]
    async with AsyncExitStack() as stack:
        for name, stand in stands.items():
            since = time.monotonic()
            await stand.open(stack)
            say(f"{name}: there after {time.monotonic() - since:.0f} s")
        await asyncio.sleep(SETTLED)
        kept = {name: stand.kept() for name, stand in stands.items()}
        order = list(stands.values())
        for turn in range(given.times):
            for stand in order:
                await stand.load(given.runs, given.singly)
            for stand in order:
                await stand.start()
            order.append(order.pop(0))  # the first one meets colder caches
            say(f"{turn + 1} of {given.times} turns; load {os.getloadavg()[0]:.1f}")
    about = setup(
        steps=STEPS,
        workers=1,
        server=next(iter(stands.values())).fleet.server.version,
        load=max(load, os.getloadavg()[0]),
    )
    medians = {name: _medians(stand.measured) for name, stand in stands.items()}
    ratios = {
        name: {row: value / medians[NOTHING][row] for row, value in each.items()}
        for name, each in medians.items()
    }
    counts = {name: stand.count for name, stand in stands.items()}
    return Found(
        about, counts, {name: stand.measured for name, stand in stands.items()}, kept, ratios
    )


def _medians(found: Measured) -> dict[str, float]:
    return {row: statistics.median(getattr(found, row)) for row in _NAMES}


def table(found: Found) -> list[str]:
    """Absolute numbers beside nothing, and ratios to them."""
    names, base = list(found.measured), _medians(found.measured[NOTHING])
    lines = ["| beside | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for row, title in _NAMES.items():
        cells = [
            f"{base[row]:,.2f}",
            *(f"{found.ratios[name][row]:.2f} times" for name in names[1:]),
        ]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    empty = found.kept[NOTHING]
    for field, title in (
        ("server_memory", "memory of the server, MB; bytes for each"),
        ("disk", "disk, MB; bytes for each"),
        ("coordinator_memory", "memory of the coordinator, MB; bytes for each"),
        ("worker_memory", "memory of the worker, MB"),
    ):
        cells = []
        for name in names:
            value, less = getattr(found.kept[name], field), getattr(empty, field)
            count = found.counts[name]
            each = f"; {max(value - less, 0) / count:,.0f}" if count else ""
            cells.append(f"{value / 1e6:,.0f}{'' if field == 'worker_memory' else each}")
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def _stands(given: argparse.Namespace) -> dict[str, Stand]:
    stands = {NOTHING: Stand(0)}
    for count in filter(None, given.retained):
        write = partial(_retained, count=count)
        stands[f"{count:,} retained runs"] = Stand(count, write)
    if given.waiting:
        write = partial(beside.waiting, count=given.waiting)
        stands[f"{given.waiting:,} that wait for a human"] = Stand(given.waiting, after=write)
    if given.schedules:
        write = partial(_schedules, count=given.schedules)
        stands[f"{given.schedules:,} schedules"] = Stand(given.schedules, write)
    return stands


async def _retained(url: str, _backend: Backend, count: int) -> None:
    await beside.retained(url, count)


async def _schedules(_url: str, backend: Backend, count: int) -> None:
    await beside.schedules(backend, count)


def main() -> None:
    """`python -m bench.growth`."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--retained", type=int, nargs="*", default=[100_000])
    parser.add_argument("--waiting", type=int, default=100_000, help="for a human; 0: none")
    parser.add_argument("--schedules", type=int, default=10_000, help="a day away; 0: none")
    parser.add_argument("--times", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--runs", type=int, default=500, help="at once, each time")
    parser.add_argument("--singly", type=int, default=50, help="one by one, each time")
    given = parser.parse_args()
    stands = _stands(given)
    with ExitStack() as stack:
        for stand in stands.values():
            stack.enter_context(stand.fleet)
        found = uvloop.run(measured(stands, given))
        for stand in stands.values():
            stand.fleet.stop()
    about = found.setup
    say(
        f"nats-server {about.nats_server}, file storage, CPython {about.python}, {about.cpus} "
        f"processors of {about.machine}, load {about.load:.1f}"
    )
    say("\n".join(table(found)))
    say(f"written to {write('growth', found)}")


if __name__ == "__main__":
    main()
