"""What an idle fleet costs beside ever more schedules whose times are a day away.

One server and one coordinator that has nothing to do. Schedules are written as records and timers,
as commands would leave them. Then, for each number of them: what the server was asked and what both
processes took within a while, their memory, and how long a coordinator that is started needs until
it has begun a run that somebody asks for.

    python -m bench.schedules
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

import uvloop
from msgspec import Struct

from bench.counters import read_counters
from bench.fleet import BenchFleet
from bench.sizes import resident
from flowworker import wiring
from flowworker.client import Client
from flowworker.codec.keys import SCHEDULE_NEXT
from flowworker.core.ids import origin_of
from flowworker.core.model import Step, Workflow
from flowworker.core.schedule import Schedule
from flowworker.core.schedule_acts import created
from flowworker.jetstream import ConnectionOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.ports import Backend
from flowworker.stores.schedules import ScheduleStore
from flowworker.stores.stores import stores_of

WORKFLOW = Workflow("bench.scheduled", (Step("nap", sleep=1.0),))
PROBE = "probe"
TOGETHER = 200
DAY = 86_400.0
SETTLED = 10.0
"""Seconds in which what a start has left to do is done."""
_ROWS = ("requests", "messages", "coordinator", "server", "memory", "server_memory", "takeover")
_NAMES = (
    "requests to JetStream per minute",
    "messages to the server per minute",
    "processor time of the coordinator, ms per minute",
    "processor time of the server, ms per minute",
    "memory of the coordinator, MB",
    "memory of the server, MB",
    "from a coordinator's start to a run that was asked for, s",
)


class Idle(Struct, frozen=True):
    """What one number of schedules comes to; see `_NAMES`."""

    requests: float
    messages: float
    coordinator: float
    server: float
    memory: float
    server_memory: float
    takeover: float


async def measured(fleet: BenchFleet, numbers: list[int], seconds: float) -> list[Idle]:
    """For each number, one after the other in one namespace."""
    where = ConnectionOptions(url=fleet.server.url, name="bench")
    found = []
    async with wiring.nats(where) as backend:
        client, side = Client(stores_of(backend)), await connect(where)
        await client.register(WORKFLOW)
        fleet.start()
        await client.create_schedule(PROBE, WORKFLOW.name, every=DAY, overlap="allow_all")
        there = 0
        for number in numbers:
            await write(backend, there, number)
            there = number
            found.append(await idle(fleet, client, Api(side), seconds))
        await side.close()
        client.close()
    return found


async def write(backend: Backend, first: int, last: int) -> None:
    """Schedules of these numbers, each with its record and its timer."""
    store, now = ScheduleStore(backend.runs), time.time()

    async def one(number: int) -> None:
        schedule = Schedule(f"bench-{number:06}", every=DAY, start_at=now + DAY)
        record = created(schedule, WORKFLOW.name, None, origin_of(1, now))
        await store.save(record, 0)
        await backend.timers.set(record.id, SCHEDULE_NEXT, now + DAY)

    for begin in range(first, last, TOGETHER):
        await asyncio.gather(*map(one, range(begin, min(begin + TOGETHER, last))))


async def idle(fleet: BenchFleet, client: Client, api: Api, seconds: float) -> Idle:
    """Start the coordinator anew, let it rest, and look."""
    fleet.stop()
    began = time.monotonic()
    fleet.start()
    await client.trigger_schedule(PROBE)
    takeover = time.monotonic() - began
    await asyncio.sleep(SETTLED)
    before, used = await read_counters(api, fleet.server), fleet.cpu()
    await asyncio.sleep(seconds)
    after, then = await read_counters(api, fleet.server), fleet.cpu()
    change, minute = after.since(before), 60.0 / seconds
    assert fleet.server.pid is not None
    return Idle(
        change.api * minute,
        change.received * minute,
        1e3 * (then["coordinator"] - used["coordinator"]) * minute,
        1e3 * (then["nats-server"] - used["nats-server"]) * minute,
        resident(fleet.fleet.pids["coordinator"]) / 1e6,
        resident(fleet.server.pid) / 1e6,
        takeover,
    )


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.schedules", description=__doc__)
    parser.add_argument("--schedules", type=int, nargs="+", default=[0, 10_000])
    parser.add_argument("--seconds", type=float, default=60.0, help="for which nothing is done")
    given = parser.parse_args()
    numbers = sorted(given.schedules)
    with BenchFleet(workers=0) as fleet:
        found = uvloop.run(measured(fleet, numbers, given.seconds))
        fleet.stop()
    lines = ["| | " + " | ".join(f"{number:,} schedules" for number in numbers) + " |"]
    lines.append("| --- |" + " ---: |" * len(numbers))
    for row, name in zip(_ROWS, _NAMES, strict=True):
        cells = (f"{getattr(each, row):,.1f}" for each in found)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
