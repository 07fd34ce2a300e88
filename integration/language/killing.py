"""Kills the processes of a fleet, one after the other, for as long as it is asked to."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import subprocess
import time
from collections import Counter
from http import HTTPStatus
from typing import Self

from integration.fleet.fleet import Fleet
from tests.support.waiting import eventually

APP = "integration.language.handlers:app"
LIFE = (0.5, 1.5)
"""How long it is at work, at least and at most, in terms of how long it took to begin: whatever the
machine, runs get on between two kills."""


class Killer:
    """A coordinator and two workers: SIGKILL for the coordinator, for a worker, and so on.

    A process that is killed is replaced at once. The coordinator is only killed when it has driven
    runs for a while, and a worker when the other one is ready.

    Attributes:
        killed: how often, by role.
    """

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self.killed: Counter[str] = Counter()
        self._fleet = fleet
        self._random = random.Random(seed)
        self._task: asyncio.Task[None] | None = None

    async def has_killed(self, times: int) -> None:
        """Wait until it has killed so often."""
        await eventually(lambda: self.killed.total() >= times, "killing", pause=0.05)

    async def __aenter__(self) -> Self:
        """Start the fleet, and kill from now on."""
        self._task = asyncio.create_task(self._kill())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Kill nothing any more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _kill(self) -> None:
        coordinator, worker, other = map(self._start, ("coordinator", "worker", "worker"))
        while True:
            began = time.monotonic()
            await self._fleet.until(functools.partial(self._drives, coordinator))
            await asyncio.sleep((time.monotonic() - began) * self._random.uniform(*LIFE))
            coordinator = self._replace("coordinator", coordinator)
            await self._fleet.until(functools.partial(self._is_ready, other))
            worker, other = other, self._replace("worker", worker)

    def _replace(self, role: str, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        process.kill()
        process.wait()
        self.killed[role] += 1
        return self._start(role)

    def _start(self, role: str) -> subprocess.Popen[bytes]:
        notes = str(self._fleet.trace)
        return self._fleet.start(role, app=APP, LANGUAGE_NOTES=notes)

    async def _drives(self, coordinator: subprocess.Popen[bytes]) -> bool:
        return await self._fleet.metric(coordinator, "partitions_owned") > 0

    async def _is_ready(self, worker: subprocess.Popen[bytes]) -> bool:
        return await self._fleet.readiness(worker) == HTTPStatus.OK
