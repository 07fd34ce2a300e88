"""A fleet whose steps begin, and end when they may: for tests of who is let in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from flowworker import App, StepContext, wiring
from flowworker.client import Client
from flowworker.core.model import Workflow
from flowworker.ports import Backend
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.waiting import WAIT_LIMIT, eventually


class Calls:
    """What handlers do: they begin, are let go on, and end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.running = self.most = 0
        self.may_end = asyncio.Event()
        self.app = App()
        self.app.step("call")(self.call)
        self.app.step("fail")(self.fail)

    async def call(self, ctx: StepContext) -> None:
        self.begun.append(ctx.run_id)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.may_end.wait()
        finally:
            self.running -= 1

    async def fail(self, ctx: StepContext) -> None:
        await self.call(ctx)
        raise ValueError("no")


@asynccontextmanager
async def fleet_of(
    client: Client,
    backend: Backend,
    calls: Calls,
    workflows: Iterable[Workflow],
    slots: int = 64,
) -> AsyncIterator[Client]:
    """A worker that has these handlers, beside the coordinator that is there."""
    for workflow in workflows:
        await client.register(workflow)
    made = wiring.make_worker(
        stores_of(backend, Settings(concurrency=slots)), calls.app, Metrics(CollectorRegistry())
    )
    await made.start()
    yield client
    calls.may_end.set()
    await made.drain()


async def until_waiting(fleet: Client, count: int, name: str = "api") -> None:
    async def waits() -> bool:
        found = {one.name: one for one in await fleet.limits()}
        return name in found and found[name].waiting == count

    await eventually(waits)


async def until_free(fleet: Client) -> None:
    """Nobody holds any limit, or waits for one: what was held is given back right after an end."""

    async def is_free() -> bool:
        return await fleet.limits() == []

    await eventually(is_free)


async def ended(fleet: Client, runs: list[str]) -> list[str]:
    return [str((await fleet.result(run, timeout=WAIT_LIMIT)).status) for run in runs]
