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


PAYS = """
name: pays
steps: [{id: pay, uses: pays}]
"""

SETTINGS = Settings(drain=0.05, sweep=3600)


class Notes:
    """What handlers did, in order; and where one hangs, if `hangs_at` is set."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.hangs_at = ""
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    def count(self) -> Counter[str]:
        return Counter(step for _, step in self.lines)

    def register(self, runner: Runner) -> Runner:
        for name in ("ok", "book", "fail", "hang", "undo", "pays"):
            runner.register_handler(name, getattr(self, name))
        for text in (SAGA, CHAIN, PAYS):
            runner.register(parse(text))
        return runner

    async def _note(self, what, ctx):
        self.lines.append((what, ctx.step_id))
        if self.hangs_at in (ctx.step_id, f"{ctx.step_id}/{ctx.kind}"):
            self.reached.set()
            await self.go_on.wait()

    async def ok(self, ctx):
        await self._note("ok", ctx)
        return {f"{ctx.step_id}_done": True}

    async def book(self, ctx):
        self.lines.append(("book", ctx.step_id))
        return {"booked": ctx.step_id}

    async def fail(self, ctx):
        await self._note("fail", ctx)
        raise RuntimeError("declined")

    async def undo(self, ctx):
        self.lines.append(("undo", ctx.step_id))
        if self.hangs_at == f"{ctx.step_id}/undo":
            self.reached.set()
            await self.go_on.wait()

    async def hang(self, ctx):
        await self._note("hang", ctx)
        return {"hung": True}

    async def pays(self, ctx):
        await ctx.emit("order.paid", {"n": 1})
        await ctx.emit("order.noted", {"n": 1}, key="a")
        await self._note("pays", ctx)
        await ctx.emit("order.noted", {"n": 2}, key="b")
        return {}


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def store():
    async with InMemStore(settings=SETTINGS) as store:
        yield store


@pytest.fixture
async def runner(notes: Notes, store: InMemStore):
    async with Runner(store=store) as runner:
        yield notes.register(runner)


@pytest.fixture
async def survive():
    """What a store has at this moment, as the next process finds it if this one is killed now."""
    made: list[InMemStore] = []

    async def copy(store: InMemStore) -> InMemStore:
        after = InMemStore(settings=store.settings)
        made.append(after)
        old, new = await store.backend(), await after.backend()
        for name in ("runs", "definitions", "payloads"):
            source = getattr(old, name)
            found = [(await source.read(key), key) for key in await source.keys(">")]
            for (value, _), key in sorted(found, key=lambda entry: entry[0][1]):
                await getattr(new, name).put(key, value)
        return after

    yield copy
    for store in made:
        await store.close()
