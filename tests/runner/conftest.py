"""A runner, handlers that note what they do, and a process that dies."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from flowworker import InMemStore, Runner, Settings, parse

SAGA = """
name: trip
steps:
  - {id: flight, uses: book, saga: {uses: undo}}
  - {id: hotel, uses: book, depends_on: [flight], saga: {uses: undo}}
  - {id: car, uses: book, depends_on: [hotel], saga: {uses: undo}}
  - {id: pay, uses: fail, depends_on: [car]}
"""

CHAIN = """
name: chain
steps:
  - {id: first, uses: ok}
  - {id: second, uses: hang, depends_on: [first]}
  - {id: third, uses: ok, depends_on: [second]}
"""


class Notes:
    """What handlers did, in order."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.go_on = asyncio.Event()
        self.reached = asyncio.Event()

    def count(self) -> Counter[str]:
        return Counter(step for _, step in self.lines)

    def register(self, runner: Runner) -> Runner:
        for name in ("ok", "book", "fail", "hang", "undo"):
            runner.register_handler(name, getattr(self, name))
        for text in (SAGA, CHAIN):
            runner.register(parse(text))
        return runner

    async def ok(self, ctx):
        self.lines.append(("ok", ctx.step_id))
        return {f"{ctx.step_id}_done": True}

    async def book(self, ctx):
        self.lines.append(("book", ctx.step_id))
        return {"booked": ctx.step_id}

    async def fail(self, ctx):
        self.lines.append(("fail", ctx.step_id))
        raise RuntimeError("declined")

    async def undo(self, ctx):
        self.lines.append(("undo", ctx.step_id))

    async def hang(self, ctx):
        self.lines.append(("hang", ctx.step_id))
        self.reached.set()
        await self.go_on.wait()
        return {"hung": True}


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def store():
    async with InMemStore(settings=Settings(drain=0.05, sweep=3600)) as store:
        yield store


@pytest.fixture
async def runner(notes: Notes, store: InMemStore):
    async with Runner(store=store) as runner:
        yield notes.register(runner)


@pytest.fixture
def killed(store: InMemStore):
    """Runs something with a runner in a thread of its own, whose event loop then just ends.

    Nothing is drained, cancelled or given back: what was durable is in the store, all else is lost.
    """

    def run(body) -> None:
        loop = asyncio.new_event_loop()
        runner = Runner(store=InMemStore(settings=store.settings))
        runner._store = store

        try:
            loop.run_until_complete(body(runner))
        finally:
            for task in asyncio.all_tasks(loop):
                task._log_destroy_pending = False
            loop.close()
