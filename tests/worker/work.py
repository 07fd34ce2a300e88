"""A handler that tests hold up, and messages for it."""

from __future__ import annotations

import asyncio

from flowworker.core.status import Priority
from flowworker.testing.clock import settle


class Work:
    """A handler that waits to be let go, by run."""

    def __init__(self, app):
        self.entered: list[str] = []
        self.left: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}
        self.open = False
        app.step("work")(self.work)

    async def work(self, ctx):
        self.entered.append(ctx.run_id)
        if not self.open:
            await self._gates.setdefault(ctx.run_id, asyncio.Event()).wait()
        self.left.append(ctx.run_id)

    async def let_go(self, run):
        self._gates[run].set()
        await settle()

    async def let_all_go(self):
        self.open = True
        for gate in self._gates.values():
            gate.set()
        await settle()


async def send(fleet, run, priority=Priority.NORMAL, queue="default"):
    await fleet.send(fleet.message("work", run=run, priority=priority, queue=queue))
