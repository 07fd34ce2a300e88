"""Clients that start runs, at a steady rate, and what is done to these from `outside`.

What was asked for is kept in a ledger, with whether it was acknowledged: the engine owes nothing
for a start that was not.
"""

from __future__ import annotations

import asyncio
import random
import time
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.chaos.outside import AGAIN, SIGNALLED, Outside, Start
from flowworker.client import Client
from flowworker.errors import Unavailable
from flowworker.tasks import TaskSet

MIX = {
    "chaos.chain": 30,
    "chaos.wide": 20,
    "chaos.retry": 10,
    "chaos.fallback": 10,
    "chaos.saga": 15,
    "chaos.human": 8,
    "chaos.long": 5,
    "chaos.timeout": 2,
    "chaos.choice": 15,
    "chaos.rules": 8,
    "chaos.early": 8,
    "chaos.signal": 10,
    "chaos.approval": 8,
    "chaos.loop": 8,
    "chaos.repeat": 8,
    "chaos.parent": 6,
    "chaos.limited": 6,
}
WAIT_LIMIT = 120.0
"""Seconds for which a start is tried again."""
TWICE, CANCELLED, TERMINATED, BAD, DELAYED = 0.03, 0.05, 0.02, 0.01, 0.05
RERUN = 0.2
"""Of the failed runs of some workflows."""
BACKLOG = 600
"""Runs that may be unfinished before no more are started."""


class Load:
    """Starts at a steady rate, from a seed.

    Attributes:
        ledger: by run.
        unfinished: runs that are active, as somebody else counts them.
        stopped: no more are started.
    """

    def __init__(self, client: Client, notes: Path, seed: int, rate: float) -> None:
        self.ledger: dict[str, Start] = {}
        self._started = 0
        self.unfinished = 0
        self.stopped = False
        self._client = client
        self._random = random.Random(seed)
        self._rate = rate
        self._tasks = TaskSet()
        self.outside = Outside(client, notes, self._random, self.ledger)

    def exported(self) -> list[dict[str, Any]]:
        """The ledger as plain data."""
        return [asdict(start) for start in self.ledger.values()]

    async def run(self, until: float, runs: int) -> None:
        """Start runs until that monotonic time or that many, and wait for acknowledgements."""
        began = time.monotonic()
        while not self.stopped and time.monotonic() < until and self._started < runs:
            due = began + self._started / self._rate
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            elif -wait > 1.0:
                began -= wait  # what was not started while the fleet was behind is not made up for
            if self.unfinished > BACKLOG:
                await asyncio.sleep(0.2)
                continue
            self._spawn()
        await asyncio.gather(*self._tasks)

    def _spawn(self) -> None:
        choose = self._random
        bad = choose.random() < BAD
        workflow = choose.choices(list(MIX), list(MIX.values()))[0]
        start = Start(
            f"c-{self._started:06d}", "chaos.unknown" if bad else workflow, time.time(), bad=bad
        )
        self._started += 1
        self.ledger[start.run] = start
        what = choose.random()
        delay = choose.random() * 3 if choose.random() < DELAYED else None
        self._tasks.spawn(self._start(start, what, choose.random() * 3, delay))
        if workflow == SIGNALLED and not bad:
            self._tasks.spawn(self._signal(start))
        if workflow in AGAIN and not bad and choose.random() < RERUN:
            again = Start(f"{start.run}-again", workflow, start.at)
            self._tasks.spawn(self.outside.rerun(start, again))

    async def _signal(self, start: Start) -> None:
        until = time.monotonic() + WAIT_LIMIT
        while not start.acked and time.monotonic() < until:  # noqa: ASYNC110 - others ask
            await asyncio.sleep(0.1)
        if start.acked:  # one to a run that never was is refused
            await self.outside.signals(start)

    async def _start(self, start: Start, what: float, after: float, delay: float | None) -> None:
        await self._insist(start, delay)
        if start.bad or not start.acked:
            return
        if what < TWICE:
            await self._insist(start, delay)
        elif what < TWICE + CANCELLED:
            await asyncio.sleep(after)
            await self.outside.stop(start, "cancel")
        elif what < TWICE + CANCELLED + TERMINATED:
            await asyncio.sleep(after)
            await self.outside.stop(start, "terminate")

    async def _insist(self, start: Start, delay: float | None) -> None:
        """Until it is acknowledged: the run id makes a repetition harmless."""
        given = {"n": start.at, "odd": bool(zlib.crc32(start.run.encode()) % 2)}
        until = time.monotonic() + WAIT_LIMIT
        while time.monotonic() < until:
            try:
                await self._client.start(start.workflow, given, run_id=start.run, delay=delay)
                start.acked = True
                return
            except Unavailable:
                await asyncio.sleep(0.5)
