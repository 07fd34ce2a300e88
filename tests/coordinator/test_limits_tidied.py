"""Records of keys that nobody needs any more are removed by sweeps; what is needed stays."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker import App, parse, wiring
from flowworker.coordinator.limits.ledger import Ledger
from flowworker.core.limit import LimitRecord, own_limit
from tests.coordinator.resting import RUN, World

NAP = "steps: [{id: nap, sleep: 1s}]"
SWEEP = 15.0


@pytest.fixture
async def world():
    async with World(sweep=SWEEP) as world:
        await world.coordinator()
        yield world


async def run(world, limits, run_id=RUN):
    await world.client.register(parse(f"{{name: one, {limits}, {NAP}}}"))
    await world.client.start("one", {"k": 1}, run_id=run_id)
    await world.pass_by(3.0)


async def pass_sweeps(world, count):
    for _ in range(count):
        await world.pass_by(SWEEP)


async def test_the_record_of_a_key_is_removed_once_nobody_has_needed_it_for_a_while(world):
    await run(world, "concurrency: [{key: input.k, limit: 1}]")
    assert len(await world.stores.limits.all()) == 1

    await pass_sweeps(world, 3)
    assert await world.stores.limits.all() == []

    # And what comes then finds its limit anew
    await run(world, "concurrency: [{key: input.k, limit: 1}]", "r2")
    assert (await world.client.status("r2")).status == "COMPLETED"


async def test_that_of_a_rate_stays_until_the_rate_has_forgotten_all(world):
    await run(world, "throttle: {key: input.k, limit: 1, period: 2m, burst: 1}")

    await pass_sweeps(world, 8 + 30)
    assert len(await world.stores.limits.all()) == 1
    await pass_sweeps(world, 15)
    assert await world.stores.limits.all() == []


async def test_what_another_process_has_written_since_stays(world):
    await run(world, "concurrency: [{key: input.k, limit: 1}]")
    [limit] = await world.stores.limits.all()
    record, revision = await world.stores.limits.load(limit)
    await world.stores.limits.save(replace(record, concurrency=7), revision)

    await pass_sweeps(world, 3)

    assert (await world.stores.limits.load(limit))[0].concurrency == 7


async def test_who_has_found_none_removes_none_that_has_come_since(world):
    limit, store = own_limit("one", "a", 0, "1"), world.stores.limits
    ledger = Ledger(limit, store, world.clock)
    await ledger.load()
    await store.save(LimitRecord(limit, concurrency=1), 0)

    for _ in range(2):
        await ledger.remove_spent()

    assert await store.all() == [limit]


async def test_who_has_waited_goes_on_though_the_record_is_gone():
    # Given two that wait behind one, a coordinator that is gone, and a record that is of no use
    nap = "steps: [{id: nap, sleep: 20s}]"
    async with World(sweep=SWEEP) as world:
        first = await world.coordinator()
        text = f"{{name: one, concurrency: [{{limit: 1}}], {nap}}}"
        await world.client.register(parse(text))
        for name in ("r1", "r2", "r3"):
            await world.client.start("one", run_id=name)
            await world.pass_by(0.1)
        await first.stop()
        [limit] = await world.stores.limits.all()
        await world.stores.limits.remove(limit, 1_000_000)

        await world.coordinator()
        await pass_sweeps(world, 10)

        ends = [str((await world.client.status(name)).status) for name in ("r2", "r3")]
        assert ends == ["COMPLETED"] * 2


async def test_a_place_is_free_once_its_attempt_is_over_though_its_key_is_lost(logs):
    # Given one that holds its key and one that waits, and no input: perhaps the run is removed
    app, step = App(), "{id: a, uses: call, with: {}, concurrency: [{key: input.k, limit: 1}]}"
    app.step("call")(lambda ctx: {})
    async with World(sweep=SWEEP, inline_limit=64) as world:
        first = await world.coordinator()
        await world.client.register(parse(f"{{name: one, steps: [{step}]}}"))
        for name in (RUN, "r2"):
            await world.client.start("one", {"k": 1, "more": "." * 64}, run_id=name)
            await world.pass_by(0.1)
        await first.stop()
        await world.backend.payloads.purge(f"{RUN}.>")

        # When its attempt ends, and somebody follows that who has never known the input
        await world.coordinator()
        worker = wiring.make_worker(world.stores, app, world.metrics, clock=world.clock)
        await worker.start()
        await pass_sweeps(world, 3)
        await worker.drain()

        # Then nothing is in its way, nor in that of the one that waits
        ends = [str((await world.client.status(name)).status) for name in (RUN, "r2")]
        assert ends == ["COMPLETED"] * 2
        assert logs.at("error") == []
