"""What keeps state, locks and events, and the runner on top, as a user's type checker sees them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_type

from flowworker import (
    App,
    Event,
    EventBus,
    InMemBus,
    InMemLocker,
    InMemStore,
    LimitView,
    Locker,
    NATSBus,
    NATSLocker,
    NATSStore,
    RedisLocker,
    RedisStore,
    Runner,
    RunStatus,
    Settings,
    StateStore,
    Workflow,
    emit,
    with_runner,
)

STORES: list[StateStore] = [
    InMemStore(settings=Settings()),
    NATSStore("nats://127.0.0.1:4222", namespace="shop", create=True),
    RedisStore("redis://127.0.0.1:6379/0"),
]
LOCKERS: list[Locker] = [InMemLocker(), NATSLocker(namespace="shop"), RedisLocker()]
BUSES: list[EventBus] = [InMemBus(), NATSBus(namespace="shop")]


async def checkpoints(store: StateStore) -> None:
    async with store as opened:
        assert_type(opened, StateStore)
    await store.initialize_execution("order-7", b"{}")
    await store.save_state("order-7", "charge", "COMPLETED")
    await store.save_step_output("order-7", "charge", b"{}")
    assert_type(await store.get_input("order-7"), bytes)
    assert_type(await store.get_state("order-7"), dict[str, str])
    assert_type(await store.get_step_output("order-7", "charge"), bytes)
    assert_type(await store.list_executions("RUNNING"), list[str])
    assert_type(await store.is_event_emitted("order-7", "order.paid"), bool)
    await store.set_ttl("order-7", 60)
    await store.save_step_output("order-7", "charge", {"amount": 890})  # type: ignore[arg-type]


async def locks(locker: Locker) -> None:
    token = await locker.acquire("card:4711", "order-7", ttl=30, timeout=5)
    assert_type(token, int)
    assert_type(locker.token("card:4711", "order-7"), int | None)
    await locker.release("card:4711", "order-7")
    await locker.acquire("card:4711", "order-7")  # type: ignore[call-arg]


async def events(bus: EventBus) -> None:
    reported = await bus.publish(Event("order", "paid", {"amount": 890}))
    assert_type(reported, Event)
    assert_type(reported.occurred_at, datetime)
    async for event in await bus.subscribe("order", "paid"):
        assert_type(event, Event)
        assert_type(event.payload, Any)
    assert_type(bus.subscribers(), dict[str, int])
    await bus.publish({"type": "order.paid"})  # type: ignore[arg-type]
    reported.type = "refunded"  # type: ignore[misc]


async def executions(app: App, workflow: Workflow) -> None:
    async with Runner(BUSES[0], STORES[0], LOCKERS[0], app=app) as runner:
        assert_type(runner, Runner)
        assert_type(await runner.set_limit("stripe-api", 10), LimitView)
        runner.register(workflow)
        runner.register_handler("payments.charge", dict)
        assert_type(await runner.execute("order.fulfil", {}, labels={"team": "a"}), str)
        assert_type(await runner.execute_sync("order-7", "order.fulfil"), dict[str, Any])
        assert_type(await runner.execute_sync_workflow("order-8", workflow), dict[str, Any])
        assert_type(await runner.resume_execution("order-7"), dict[str, Any])
        assert_type(await runner.status("order-7"), RunStatus)
        assert_type(runner.get_state_store(), StateStore)
        assert_type(runner.get_event_bus(), EventBus)
        with with_runner(runner, "order-7"):
            await emit("order.paid", {"amount": 890})
    Runner(STORES[0])  # type: ignore[arg-type]
