"""`Runner` and what it keeps: stores, times to live, closing, and two runners on one store."""

from __future__ import annotations

import asyncio

import pytest

from flowworker import InMemStore, InvalidInput, Runner, Settings, parse
from flowworker.testing import ManualClock
from flowworker.testing.clock import settle

RUN = "run-1"


async def test_the_store_is_the_one_that_it_runs_on(runner, store, notes):
    assert runner.get_state_store() is store
    notes.go_on.set()

    await runner.execute_sync(RUN, "chain", {"order": 7})

    assert await store.list_executions("COMPLETED") == [RUN]
    assert await store.get_input(RUN) == b'{"order":7}'
    assert await store.get_step_output(RUN, "first") == b'{"first_done":true}'
    assert await store.get_state(RUN) == {
        "": "COMPLETED",
        "first": "COMPLETED",
        "second": "COMPLETED",
        "third": "COMPLETED",
    }


async def test_what_waits_for_nothing_else_is_pending_in_the_store(runner, store, notes):
    notes.hangs_at = "second"
    run = await runner.execute("chain")
    await notes.reached.wait()

    assert await store.get_state(run) == {
        "": "RUNNING",
        "first": "COMPLETED",
        "second": "RUNNING",
        "third": "PENDING",
    }


async def test_a_time_to_live_set_while_it_runs_counts_from_its_end():
    # Given a runner whose executions are kept for ten seconds, by a clock that a test moves
    clock = ManualClock()
    store = InMemStore(settings=Settings(retention=3600, drain=0.05), clock=clock)
    runner = Runner(store=store)
    gate = asyncio.Event()

    async def waits(ctx):
        await gate.wait()

    runner.register_handler("waits", waits)
    runner.register(parse("name: w\nsteps: [{id: a, uses: waits}]\n"))
    run = await runner.execute("w")
    await settle()
    await store.set_ttl(run, 10)

    # When it is not over by then, it is still there
    await clock.advance(20)
    assert await store.list_executions("RUNNING") == [run]

    # When it is over, it goes
    gate.set()
    await settle()
    await clock.advance(2)
    assert await store.get_state(run) == {}
    backend = await store.backend()
    assert await backend.runs.keys(">") == []
    closing = asyncio.ensure_future(runner.close())
    while not closing.done():
        await clock.advance(1)
    await store.close()


async def test_without_a_time_to_live_it_is_kept_for_the_usual_retention():
    clock = ManualClock()
    store = InMemStore(settings=Settings(retention=3600, drain=0.05), clock=clock)
    runner = Runner(store=store)

    async def ok(ctx):
        return {}

    runner.register_handler("ok", ok)
    runner.register(parse("name: w\nsteps: [{id: a, uses: ok}]\n"))
    run = await runner.execute("w")
    await clock.advance(1)

    assert await store.list_executions("COMPLETED") == [run]
    await clock.advance(3600)
    assert await store.list_executions("COMPLETED") == []
    closing = asyncio.ensure_future(runner.close())
    while not closing.done():
        await clock.advance(1)
    await store.close()


async def test_a_store_has_settings_of_its_own(store):
    with pytest.raises(InvalidInput, match="of its own"):
        Runner(store=store, settings=Settings())


async def test_closing_leaves_nothing_behind():
    before = asyncio.all_tasks()
    runner = Runner()
    runner.register_handler("ok", lambda ctx: {})
    runner.register(parse("name: w\nsteps: [{id: a, uses: ok}]\n"))
    await runner.execute_sync(RUN, "w")

    await runner.close()
    await runner.close()

    assert asyncio.all_tasks() == before


async def test_a_runner_may_be_used_again_after_it_was_closed():
    runner = Runner(settings=Settings(drain=0.05))
    runner.register_handler("ok", lambda ctx: {"n": 1})
    runner.register(parse("name: w\nsteps: [{id: a, uses: ok}]\n"))
    await runner.execute_sync(RUN, "w")
    await runner.close()

    assert (await runner.execute_sync(RUN, "w"))["n"] == 1
    await runner.close()


async def test_two_runners_on_one_store_are_a_fleet(store, notes):
    async with Runner(store=store) as one, Runner(store=store) as two:
        notes.register(one)
        other = notes.register(two)

        runs = [await one.execute("chain") for _ in range(10)]
        for run in runs:
            await other.execute_sync(run, "chain")

    assert notes.count() == {"first": 10, "second": 10, "third": 10}
