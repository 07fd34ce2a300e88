"""Stores, lockers and buses whose server is killed and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from flowworker import (
    Event,
    InvalidInput,
    Locker,
    NATSBus,
    NATSLocker,
    NATSStore,
    RedisLocker,
    RedisStore,
    StateStore,
    Unavailable,
)
from tests.support.waiting import eventually, quiet_for

pytestmark = pytest.mark.chaos

STORES: dict[str, Callable[[str], StateStore]] = {
    "nats": partial(NATSStore, create=True),
    "redis": RedisStore,
}
LOCKERS: dict[str, Callable[[str], Locker]] = {
    "nats": partial(NATSLocker, create=True),
    "redis": RedisLocker,
}
RUN = "run-1"

both = pytest.mark.parametrize("kind", ["nats", "redis"])


@both
async def test_what_was_written_is_there_after_a_crash_of_the_server(kind, own_server):
    async with STORES[kind](own_server.url) as store:
        await store.initialize_execution(RUN, b'{"n":1}')
        await store.save_step_output(RUN, "a", b'"' + b"x" * 700_000 + b'"')
        await store.save_state(RUN, "a", "COMPLETED")

        await asyncio.to_thread(own_server.kill)
        await asyncio.to_thread(own_server.start)

        assert await store.get_input(RUN) == b'{"n":1}'
        assert await store.get_state(RUN) == {"": "PENDING", "a": "COMPLETED"}
        assert len(await store.get_step_output(RUN, "a")) == 700_002
        await store.save_state(RUN, "", "RUNNING")
        assert await store.list_executions("RUNNING") == [RUN]


@both
async def test_a_write_waits_for_a_server_that_comes_back_soon(kind, own_server):
    async with STORES[kind](own_server.url) as store:
        await store.initialize_execution(RUN, b"{}")
        await asyncio.to_thread(own_server.kill)

        async def write(i: int) -> None:
            await store.save_state(RUN, f"step-{i}", "RUNNING")

        writing = [asyncio.create_task(write(i)) for i in range(10)]
        await quiet_for(0.5)
        assert not any(task.done() for task in writing)
        await asyncio.to_thread(own_server.start)
        await asyncio.gather(*writing)

        assert len(await store.get_state(RUN)) == 11


async def test_of_writes_in_flight_while_the_server_dies_none_is_double_or_half(own_redis):
    """A write that was executed and not answered is repeated, and meets itself."""
    async with RedisStore(own_redis.url) as store:
        runs = (await store.backend()).runs
        revision = await runs.write("run.counter", b"0", 0)
        done = 0

        async def count() -> None:
            nonlocal revision, done
            for i in range(1, 300):
                revision = await runs.write("run.counter", b"%d" % i, revision)
                done = i

        def reached(at: int) -> bool:
            return done >= at

        counting = asyncio.create_task(count())
        for at in (50, 120, 200):
            await eventually(partial(reached, at))
            await asyncio.to_thread(own_redis.restart)
        await counting

        assert await runs.read("run.counter") == (b"299", revision)


@both
async def test_a_server_that_stays_away_is_an_error(kind, own_server):
    async with STORES[kind](own_server.url) as store:
        await store.initialize_execution(RUN, b"{}")
        await asyncio.to_thread(own_server.kill)

        with pytest.raises(Unavailable):
            await store.get_state(RUN)


@both
async def test_no_server_at_all_is_an_error(kind):
    scheme = {"nats": "nats", "redis": "redis"}[kind]

    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        await STORES[kind](f"{scheme}://127.0.0.1:9").get_state(RUN)


@both
async def test_a_url_that_is_none_is_an_error(kind):
    with pytest.raises(InvalidInput, match="such as"):
        await STORES[kind]("http://127.0.0.1:9").get_state(RUN)


@both
async def test_a_lock_outlives_its_server(kind, own_server):
    url = own_server.url
    async with LOCKERS[kind](url) as one, LOCKERS[kind](url) as two:
        await one.acquire("card", "run-1", ttl=60)
        waiting = asyncio.create_task(two.acquire("card", "run-2", ttl=60, timeout=50))
        await quiet_for(0.3)  # it waits

        await asyncio.to_thread(own_server.kill)
        await asyncio.to_thread(own_server.start)

        # Then it is still held, and the one who waited still waits, and gets it
        assert await (await one.leases()).holders("lock.>") == {"lock.card": "run-1"}
        assert not waiting.done()
        await quiet_for(1.5)
        assert not waiting.done()
        await one.release("card", "run-1")
        assert await waiting > 0


async def test_a_subscription_outlives_its_server(own_nats):
    bus = partial(NATSBus, own_nats.url, create=True)
    async with bus() as one, bus() as two:
        heard = await two.subscribe("order")
        await asyncio.to_thread(own_nats.kill)
        await asyncio.to_thread(own_nats.start)

        got = asyncio.create_task(anext(heard))

        async def reported():
            await one.publish(Event("order", "paid", 1))
            return got.done()

        await eventually(reported, pause=0.05)
        assert (await got).payload == 1
