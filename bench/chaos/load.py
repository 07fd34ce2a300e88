"""The world around the fleet: clients that start runs, humans who answer, operators who cancel.

What was asked for is kept in a ledger, with whether it was acknowledged: the engine owes nothing
for a start that was not.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flowworker.client import Client
from flowworker.core.status import RunStatus
from flowworker.errors import FlowworkerError, InvalidInput, Unavailable
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
}
WAIT_LIMIT = 120.0
"""Seconds for which a start is tried again."""
TWICE, CANCELLED, TERMINATED, BAD = 0.03, 0.05, 0.02, 0.01
BACKLOG = 600
"""Runs that may be unfinished before no more are started."""


@dataclass
class Start:
    """One run that was asked for.

    Attributes:
        acked: JetStream has acknowledged the start.
        bad: it has to be rejected.
        asked: what operators and humans asked of it afterwards.
    """

    run: str
    workflow: str
    at: float
    acked: bool = False
    bad: bool = False
    asked: list[str] = field(default_factory=list)


class Load:
    """Starts at a steady rate, from a seed.

    Attributes:
        ledger: by run.
        unfinished: runs that are active, as somebody else counts them.
        stopped: no more are started.
    """

    def __init__(self, client: Client, notes: Path, seed: int, rate: float) -> None:
        self.ledger: dict[str, Start] = {}
        self.unfinished = 0
        self.stopped = False
        self._client = client
        self._notes = notes
        self._random = random.Random(seed)
        self._rate = rate
        self._tasks = TaskSet()

    def exported(self) -> list[dict[str, Any]]:
        """The ledger as plain data."""
        return [asdict(start) for start in self.ledger.values()]

    async def run(self, until: float, runs: int) -> None:
        """Start runs until that monotonic time or that many, and wait for acknowledgements."""
        began = time.monotonic()
        while not self.stopped and time.monotonic() < until and len(self.ledger) < runs:
            due = began + len(self.ledger) / self._rate
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
            f"c-{len(self.ledger):06d}", "chaos.unknown" if bad else workflow, time.time(), bad=bad
        )
        self.ledger[start.run] = start
        what = choose.random()
        self._tasks.spawn(self._start(start, what, choose.random() * 3))

    async def _start(self, start: Start, what: float, delay: float) -> None:
        await self._insist(start)
        if start.bad or not start.acked:
            return
        if what < TWICE:
            await self._insist(start)
        elif what < TWICE + CANCELLED:
            await asyncio.sleep(delay)
            await self._ask(start, "cancel")
        elif what < TWICE + CANCELLED + TERMINATED:
            await asyncio.sleep(delay)
            await self._ask(start, "terminate")

    async def _insist(self, start: Start) -> None:
        """Until it is acknowledged: the run id makes a repetition harmless."""
        until = time.monotonic() + WAIT_LIMIT
        while time.monotonic() < until:
            try:
                await self._client.start(start.workflow, {"n": start.at}, run_id=start.run)
                start.acked = True
                return
            except Unavailable:
                await asyncio.sleep(0.5)

    async def _ask(self, start: Start, what: str) -> None:
        try:
            await getattr(self._client, what)(start.run, "chaos")
            start.asked.append(what)
        except InvalidInput:
            pass  # over already
        except FlowworkerError:
            start.asked.append(f"{what}?")

    async def humans(self) -> None:
        """Answer whatever waits, until cancelled."""
        while True:
            await asyncio.sleep(0.5)
            try:
                for waiting in await self._client.list(RunStatus.WAITING_HUMAN, limit=200):
                    if self._random.random() < 0.5:  # others wait longer
                        await self._answer(waiting.id)
            except FlowworkerError:
                continue

    async def _answer(self, run: str) -> None:
        what = self._random.choices(["retry", "complete", "skip", "cancel"], [5, 2, 2, 2])[0]
        if what == "retry" and self._random.random() < 0.8:
            (self._notes / f"{run}.permission").touch()
        output = {"answered": True} if what == "complete" else None
        asked = self.ledger[run].asked
        try:
            await self._client.resume(run, what, output=output)
            asked.append(what)
        except InvalidInput:
            pass
        except FlowworkerError:
            asked.append(f"{what}?")
