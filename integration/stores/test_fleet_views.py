"""A run made by the fleet is visible through `NATSStore`, and its locks through `NATSLocker`."""

from __future__ import annotations

import asyncio

import pytest

from flowworker import (
    App,
    LockTimeoutError,
    NATSBus,
    NATSLocker,
    NATSStore,
    Runner,
    Settings,
    get_state_store,
    parse,
    wiring,
)
from flowworker.client import Client
from flowworker.jetstream import ConnectionOptions, TopologyOptions
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.waiting import WAIT_LIMIT, eventually

RUN = "run-1"
SETTINGS = Settings(drain=0.1, inline_limit=1_000)
WORKFLOW = parse(
    "name: w\nsteps:\n  - {id: a, uses: puts}\n"
    "  - {id: b, uses: waits, depends_on: [a], escalation: {strategy: wait_human}}\n"
    "  - {id: c, uses: puts, depends_on: [b]}\n"
)


@pytest.fixture
async def fleet(server, namespace):
    """A coordinator and a worker in this process, and a client."""
    from prometheus_client import CollectorRegistry

    app, gate = App(), asyncio.Event()

    @app.step("puts")
    async def puts(ctx):
        await ctx.emit("order.paid", {"step": ctx.step_id})
        assert get_state_store() is ctx.state_store
        states = await get_state_store().get_state(ctx.run_id)
        return {"text": "x" * 5_000, "seen": states[ctx.step_id]}

    @app.step("waits")
    async def waits(ctx):
        async with ctx.lock("card", ttl=30, timeout=5):
            await gate.wait()
            raise RuntimeError("nobody allowed it")

    options = ConnectionOptions(url=server.url)
    topology = TopologyOptions(storage="memory")
    async with wiring.nats(options, namespace, settings=SETTINGS, topology=topology) as backend:
        metrics = Metrics(CollectorRegistry())
        coordinator = wiring.make_coordinator(stores_of(backend, SETTINGS), metrics)
        worker = wiring.make_worker(stores_of(backend, SETTINGS), app, metrics)
        await coordinator.start()
        await worker.start()
        client = Client(stores_of(backend, SETTINGS))
        await client.register(WORKFLOW)
        yield client, gate
        await worker.drain()
        await coordinator.stop()
        client.close()


async def test_what_the_fleet_does_is_seen(fleet, server, namespace):
    client, gate = fleet
    async with NATSStore(server.url, namespace=namespace, settings=SETTINGS) as store:
        # When a step runs
        await client.start("w", {"order": 7}, run_id=RUN)

        async def state(expected):
            return await store.get_state(RUN) == expected

        running = {"": "RUNNING", "a": "COMPLETED", "b": "RUNNING", "c": "PENDING"}
        await eventually(lambda: state(running))
        assert await store.get_input(RUN) == b'{"order":7}'
        assert len(await store.get_step_output(RUN, "a")) > 5_000
        assert b'"seen":"RUNNING"' in await store.get_step_output(RUN, "a")
        assert await store.is_event_emitted(RUN, "order.paid")
        assert await store.list_executions("RUNNING") == [RUN]

        # When it waits for a human, who has it skipped
        gate.set()
        waiting = {**running, "": "WAITING_HUMAN", "b": "WAITING_HUMAN"}
        await eventually(lambda: state(waiting))
        assert await store.list_executions("WAITING_HUMAN") == [RUN]
        await client.resume(RUN, "skip")
        await client.result(RUN, WAIT_LIMIT)

        # Then it is seen to be over, and goes when its time is
        over = {"": "COMPLETED", "a": "COMPLETED", "b": "SKIPPED", "c": "COMPLETED"}
        assert await store.get_state(RUN) == over
        await store.set_ttl(RUN, 0.5)
        await eventually(lambda: state({}))
        assert await store.list_executions("COMPLETED") == []


async def test_the_locks_of_its_handlers_are_those_of_the_locker(fleet, server, namespace):
    client, gate = fleet
    await client.start("w", run_id=RUN)
    async with NATSLocker(server.url, namespace=namespace) as locker:
        leases = await locker.leases()

        async def held():
            return await leases.holders("lock.>") == {"lock.card": RUN}

        await eventually(held)
        with pytest.raises(LockTimeoutError):
            await locker.acquire("card", "somebody", ttl=30)

        gate.set()

        assert await locker.acquire("card", "somebody", ttl=30, timeout=20)
    await client.terminate(RUN)


async def test_its_events_are_those_of_the_bus(fleet, server, namespace):
    client, gate = fleet
    gate.set()
    async with NATSBus(server.url, namespace=namespace) as bus:
        completed = await bus.subscribe("workflow", "step.completed")
        emitted = await bus.subscribe("order", "paid")
        await client.start("w", run_id=RUN)

        async with asyncio.timeout(WAIT_LIMIT):
            event, paid = await anext(completed), await anext(emitted)

    assert (event.payload["id"], event.payload["step_id"]) == (RUN, "a")
    assert paid.payload == {"step": "a", "_workflow_id": RUN}
    await client.terminate(RUN)


async def test_a_runner_on_nats_is_a_member_of_the_fleet(fleet, server, namespace):
    # Given a runner with a handler that the fleet's workers lack, and they one that it lacks
    _, gate = fleet
    gate.set()
    store = NATSStore(server.url, namespace=namespace, settings=SETTINGS)
    async with store, Runner(store=store) as runner:
        runner.register_handler("own", lambda ctx: {"own": True})
        workflow = parse(
            "name: both\nsteps:\n  - {id: a, uses: puts}\n  - {id: b, uses: own, depends_on: [a]}\n"
        )

        results = await runner.execute_sync_workflow(RUN, workflow)

    assert results["own"] is True
    assert results["a"]["seen"] == "RUNNING"
