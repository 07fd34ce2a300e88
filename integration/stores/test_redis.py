"""What only Redis does, or can do wrong."""

from __future__ import annotations

import asyncio
import time

import pytest
from redis.asyncio import Redis

from flowworker import CorruptRecord, RedisStore, Runner, Settings, parse
from flowworker.clock import SystemClock
from flowworker.redis import open_redis
from flowworker.redis.connection import CONNECTIONS
from tests.support.waiting import eventually, quiet_for

RUN = "run-1"
WORKFLOW = parse("name: w\nretention: 1s\nsteps: [{id: a, uses: ok}]\n")


@pytest.fixture
async def ports(redis_server, namespace):
    opened = await open_redis(redis_server.url, namespace, clock=SystemClock())
    yield opened
    await opened.close()


@pytest.fixture
async def client(redis_server):
    async with Redis.from_url(redis_server.url) as opened:
        yield opened


async def names(client, namespace) -> set[str]:
    """All that a namespace has in the database, but for the counter."""
    found = {key.decode() async for key in client.scan_iter(f"{{{namespace}}}:*")}
    return found - {f"{{{namespace}}}:revision"}


async def test_a_server_that_forgets_its_scripts_is_given_them_again(ports, client):
    await ports.runs.put("run.1", b"1")
    await client.script_flush()

    await ports.runs.put("run.1", b"2")

    assert (await ports.runs.read("run.1"))[0] == b"2"


@pytest.mark.parametrize("damage", [{"v": b"x"}, {"r": b"1"}, {"v": b"x", "r": b"many"}])
async def test_half_a_record_is_corrupt(ports, client, namespace, damage):
    await client.hset(f"{{{namespace}}}:runs:value:run.1", mapping=damage)

    with pytest.raises(CorruptRecord, match=r"run\.1"):
        await ports.runs.read("run.1")


async def test_what_is_no_record_is_corrupt(ports, client, namespace):
    await client.set(f"{{{namespace}}}:runs:value:run.1", b"text")

    with pytest.raises(CorruptRecord, match="WRONGTYPE"):
        await ports.runs.read("run.1")
    with pytest.raises(CorruptRecord, match="WRONGTYPE"):
        await ports.runs.put("run.1", b"1")


async def test_no_more_is_asked_at_a_time_than_there_are_connections(ports):
    """What waits for its turn must not take that for a server that does not answer."""
    inflight, most = 0, 0

    async def command():
        nonlocal inflight, most
        inflight += 1
        most = max(most, inflight)
        await asyncio.sleep(0)
        inflight -= 1

    await asyncio.gather(*(ports.connection.ask(command) for _ in range(5 * CONNECTIONS)))

    assert most == CONNECTIONS


async def test_keys_that_expired_are_listed_no_more(ports, client, namespace):
    await ports.runs.put("step.q.run1.a", b"1")
    await ports.runs.put("step.q.run2.a", b"1")
    await ports.runs.expire("step.*.run1.>", time.time() + 600)
    assert len(await ports.runs.keys(">")) == 2
    await ports.runs.expire("step.*.run1.>", time.time() + 0.05)

    async def gone():
        return await ports.runs.keys("step.>") == ["step.q.run2.a"]

    await eventually(gone)
    assert await ports.runs.keys("step.*.run1.>") == []
    assert await client.zrange(f"{{{namespace}}}:runs:names", 0, -1) == [b"step.q.run2.a"]
    assert await client.zrange(f"{{{namespace}}}:runs:by-run", 0, -1) == [b"step.run2.q.a"]


async def test_purging_leaves_nothing(ports, client, namespace):
    for key in ("run.1", "step.q.1.a", "index.RUNNING.w.1"):
        await ports.runs.put(key, b"1")
    await ports.runs.purge(">")
    token = await ports.leases.acquire("lock.a", "me", 30)
    await ports.leases.release("lock.a", "me", token)
    await ports.leases.acquire("lock.b", "me", 1)

    async def gone():
        return await names(client, namespace) <= {f"{{{namespace}}}:lease:names"}

    await eventually(gone)
    token = await ports.leases.acquire("lock.c", "me", 30)
    await ports.leases.release("lock.c", "me", token)
    assert await names(client, namespace) == set()


async def test_a_run_is_removed_though_its_process_is_gone(redis_server, client, namespace):
    # Given a run that is to be kept for a second after its end, and whose runner is closed then
    settings = Settings(inline_limit=1, lease=1.0)
    store = RedisStore(redis_server.url, namespace=namespace, settings=settings)
    async with store, Runner(store=store) as runner:
        runner.register_handler("ok", lambda ctx: {"n": "x" * 1000})
        await runner.execute_sync_workflow(RUN, WORKFLOW, {"n": 1})

    # When nobody is there, then the server removes it
    async def gone():
        return not [
            key for key in await names(client, namespace) if ":value:" in key and RUN in key
        ]

    await eventually(gone)
    async with RedisStore(redis_server.url, namespace=namespace) as store:
        assert await store.get_state(RUN) == {}
        assert await store.list_executions("COMPLETED") == []


async def test_two_processes_share_a_server_and_leave_each_other_alone(redis_server, namespace):
    # Given two runners on one namespace, of which only one knows the handler
    started, gate = asyncio.Event(), asyncio.Event()

    async def waits(ctx):
        started.set()
        await gate.wait()
        return {"by": "one"}

    settings = Settings(sweep=0.05, handler_grace=0.05, lease=4.0)
    workflow = parse(
        "name: w\nsteps: [{id: a, uses: waits}, {id: b, uses: waits, depends_on: [a]}]"
    )
    async with (
        RedisStore(redis_server.url, namespace=namespace, settings=settings) as first,
        RedisStore(redis_server.url, namespace=namespace, settings=settings) as second,
        Runner(store=first) as one,
        Runner(store=second) as other,
    ):
        one.register_handler("waits", waits)
        running = asyncio.create_task(one.execute_sync_workflow(RUN, workflow))
        await started.wait()
        await other.status(RUN)
        await quiet_for(4.5)  # many sweeps, and longer than a lease

        # When it goes on, then the first one has done all of it
        gate.set()
        results = await running
        assert results["by"] == "one"
        assert await second.list_executions("COMPLETED") == [RUN]


async def test_what_waits_for_a_limit_in_one_process_no_other_one_lets_in(redis_server, namespace):
    # Given two runners on one namespace, of which only one knows the handler, and a step that waits
    gate, running = asyncio.Event(), 0

    async def waits(ctx):
        nonlocal running
        running += 1
        await gate.wait()

    settings = Settings(sweep=0.05, handler_grace=0.05)
    workflow = parse("name: w\nsteps: [{id: a, uses: waits, limits: [api]}]\n")
    async with (
        RedisStore(redis_server.url, namespace=namespace, settings=settings) as first,
        RedisStore(redis_server.url, namespace=namespace, settings=settings) as second,
        Runner(store=first) as one,
        Runner(store=second) as other,
    ):
        one.register_handler("waits", waits)
        await one.set_limit("api", 1)
        runs = [asyncio.create_task(one.execute_sync_workflow(f"r{n}", workflow)) for n in (1, 2)]
        client = (await one.running()).client

        async def has_one_that_waits():
            view = await client.limit("api")
            return (view.held, view.waiting) == (1, 1)

        await eventually(has_one_that_waits)

        # When the other one, which does not see who waits, says that more may be at work
        assert (await other.set_limit("api", 10)).waiting == 0

        # Then the first one lets it in when it looks
        await eventually(lambda: running == 2)
        gate.set()
        await asyncio.gather(*runs)


async def test_locks_of_handlers_hold_between_processes(redis_server, namespace):
    inside, most = 0, 0

    async def careful(ctx):
        nonlocal inside, most
        async with ctx.lock("card", ttl=30, timeout=30):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.02)  # the other one asks for it meanwhile
            inside -= 1

    workflow = parse("name: w\nsteps: [{id: a, uses: careful}]\n")
    async with (
        RedisStore(redis_server.url, namespace=namespace) as first,
        RedisStore(redis_server.url, namespace=namespace) as second,
        Runner(store=first) as one,
        Runner(store=second) as other,
    ):
        for runner in (one, other):
            runner.register_handler("careful", careful)
        await asyncio.gather(
            *((one, other)[i % 2].execute_sync_workflow(f"run-{i}", workflow) for i in range(8))
        )

    assert most == 1


@pytest.mark.parametrize("half", [{"holder": "a"}, {"token": "1"}, {"x": "y"}])
async def test_half_a_lease_ends_by_itself(ports, client, namespace, half):
    name = f"{{{namespace}}}:lease:value:lock.a"
    await client.hset(name, mapping=half)

    assert await ports.leases.acquire("lock.a", "a", 40) is None

    assert 30_000 < await client.pttl(name) <= 40_000


async def test_a_lease_without_an_end_is_given_one(ports, client, namespace):
    name = f"{{{namespace}}}:lease:value:lock.a"
    token = await ports.leases.acquire("lock.a", "a", 5)
    await client.persist(name)

    assert await ports.leases.acquire("lock.a", "b", 5) is None

    assert 5_000 < await client.pttl(name) <= 30_000
    assert await ports.leases.renew("lock.a", "a", 5, token) is not None
    assert await client.pttl(name) <= 5_000
