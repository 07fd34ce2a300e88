"""The world outside: who sends signals, answers what is asked, cancels, and has runs done again.

Everything is done twice now and then, as somebody does who has had no answer.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowworker.client import Client
from flowworker.core.status import RunStatus
from flowworker.errors import FlowworkerError, InvalidInput

SIGNALLED, ASKED = "chaos.signal", "chaos.approval"
SIGNALS = 4
"""As many are sent to a run, of which three are waited for."""
AGAIN = {"chaos.saga", "chaos.early", "chaos.repeat"}
"""Workflows of which failed runs are done again."""
TWICE = 0.3
LOOKS = 10
"""How often the end of a run that is to be done again is waited for, 5 s each time."""


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


class Outside:
    """What is asked of runs, by a client. All of it is noted in the ledger of their starts."""

    def __init__(
        self, client: Client, notes: Path, choose: random.Random, ledger: dict[str, Start]
    ) -> None:
        self._client = client
        self._notes = notes
        self._random = choose
        self._ledger = ledger

    async def ask(self, start: Start, what: str, asking: Callable[[], Awaitable[object]]) -> bool:
        """Ask once; whether it was heard, or the run was over."""
        try:
            await asking()
            start.asked.append(what)
        except InvalidInput:
            return True
        except FlowworkerError:
            start.asked.append(f"{what}?")
            return False
        return True

    async def stop(self, start: Start, what: str) -> None:
        """Cancel or terminate it."""
        await self.ask(start, what, lambda: getattr(self._client, what)(start.run, "chaos"))

    async def signals(self, start: Start) -> None:
        """Send it what it waits for, before it does or later."""
        for number in range(SIGNALS):
            await asyncio.sleep(self._random.random())
            for _ in range(2 if self._random.random() < TWICE else 1):
                await self._insist(start, f"go-{number}", self._signal(start.run, number))

    def _signal(self, run: str, number: int) -> Callable[[], Awaitable[None]]:
        payload, identity = {"n": number}, f"go-{number}"
        return lambda: self._client.signal(run, "go", payload, signal_id=identity)

    async def _insist(
        self, start: Start, what: str, asking: Callable[[], Awaitable[object]]
    ) -> None:
        while not await self.ask(start, what, asking):  # noqa: ASYNC110 - until it was heard
            await asyncio.sleep(0.5)

    async def rerun(self, start: Start, again: Start) -> None:
        """Have what it has not completed done again, when it has failed."""
        for _ in range(LOOKS):  # the server may be away
            if (status := await self._end_of(start.run)) is not None:
                break
            await asyncio.sleep(0.5)
        else:
            return
        if status is not RunStatus.FAILED:
            return
        self._ledger[again.run] = again

        async def rerun() -> None:
            await self._client.rerun(start.run, failed=True, new_id=again.run)
            again.acked = True

        await self._insist(start, "rerun", rerun)

    async def _end_of(self, run: str) -> RunStatus | None:
        try:
            return (await self._client.result(run, 5)).status
        except FlowworkerError:
            return None

    async def answers(self) -> None:
        """Answer whatever waits, until cancelled."""
        while True:
            await asyncio.sleep(0.5)
            try:
                for waiting in await self._client.list(RunStatus.WAITING_HUMAN, limit=200):
                    if self._random.random() < 0.5:  # others wait longer
                        answer = self._decide if waiting.workflow == ASKED else self._resume
                        await answer(self._ledger[waiting.id])
            except FlowworkerError:
                continue

    async def _decide(self, start: Start) -> None:
        what = self._random.choices(["approve", "reject", "cancel"], [6, 3, 1])[0]
        known: dict[str, dict[str, Any]] = {
            "approve": {"output": {"by": "ada"}, "reason": "fair", "actor": "ada"},
            "reject": {"reason": "too much", "actor": "bob"},
        }
        for _ in range(2 if self._random.random() < TWICE else 1):
            act = functools.partial(getattr(self._client, what), start.run, **known.get(what, {}))
            await self.ask(start, what, act)

    async def _resume(self, start: Start) -> None:
        what = self._random.choices(["retry", "complete", "skip", "cancel"], [5, 2, 2, 2])[0]
        if what == "retry" and self._random.random() < 0.8:
            (self._notes / f"{start.run}.permission").touch()
        output = {"answered": True} if what == "complete" else None
        await self.ask(start, what, lambda: self._client.resume(start.run, what, output=output))
