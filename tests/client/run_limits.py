"""Workflows with limits of runs, and handlers that end when they are let go on."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from flowworker import App, StepContext, wiring
from flowworker.client import Client
from flowworker.core.admission import RunConcurrency, Singleton, SingletonMode
from flowworker.core.limit import Strategy
from flowworker.core.model import Step, Workflow
from flowworker.ports import Backend
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.waiting import eventually

CALL = (Step("a", "call"),)


def limited(name: str, limit: int, key: str = "", strategy: Strategy = Strategy.QUEUE) -> Workflow:
    return Workflow(name, CALL, concurrency=(RunConcurrency(limit, key, strategy),))


WORKFLOWS = (
    limited("two", 2),
    limited("keyed", 1, "input.key"),
    limited("skips", 1, strategy=Strategy.SKIP),
    limited("newest", 1, strategy=Strategy.CANCEL_NEWEST),
    limited("oldest", 2, strategy=Strategy.CANCEL_OLDEST),
    Workflow("single", CALL, singleton=Singleton("input.key")),
    Workflow("latest", CALL, singleton=Singleton("", SingletonMode.CANCEL)),
    Workflow("calls", (Step("a", workflow="skips"),)),
    limited("labelled", 1, "labels.tenant"),
)


class Calls:
    """What handlers do: they begin, are let go on, and end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.running = self.most = 0
        self.free = False
        self.may_end: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.app = App()
        self.app.step("call")(self.call)

    async def call(self, ctx: StepContext) -> None:
        self.begun.append(ctx.run_id)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if not self.free:
                await self.may_end[ctx.run_id].wait()
        finally:
            self.running -= 1

    def end(self) -> None:
        self.free = True
        for event in self.may_end.values():
            event.set()


@asynccontextmanager
async def fleet_of_runs(client: Client, backend: Backend, calls: Calls) -> AsyncIterator[Client]:
    """A worker that has the handler, beside the coordinator that is there."""
    for workflow in WORKFLOWS:
        await client.register(workflow)
    made = wiring.make_worker(stores_of(backend), calls.app, Metrics(CollectorRegistry()))
    await made.start()
    yield client
    calls.end()
    await made.drain()


async def until_waiting(fleet: Client, count: int) -> None:
    async def waits() -> bool:
        return sum(one.waiting for one in await fleet.limits()) == count

    await eventually(waits)


def until_begun(calls: Calls, count: int) -> bool:
    return len(calls.begun) == count


async def status(fleet: Client, run: str) -> str:
    return str((await fleet.status(run)).status)
