"""Bus, locker and the context functions, as a runner's handlers meet them."""

from __future__ import annotations

import asyncio

import pytest

from flowworker import (
    InMemBus,
    InMemLocker,
    InvalidInput,
    LockTimeoutError,
    RunFailed,
    Runner,
    Settings,
    acquire_lock,
    current_context,
    emit,
    get_event_bus,
    get_state_store,
    get_workflow_id,
    parse,
    release_lock,
    with_runner,
)
from flowworker.testing.clock import settle
from tests.support.histories import bodies
from tests.support.waiting import WAIT_LIMIT

RUN = "run-1"


def one_step(**fields) -> str:
    more = "".join(f", {name}: {value}" for name, value in fields.items())
    return f"name: w\nsteps: [{{id: a, uses: body{more}}}]\n"


async def inside(runner, body, text=""):
    """What `body` returns, run as a handler."""
    runner.register_handler("body", body)
    return (await runner.execute_sync_workflow(RUN, parse(text or one_step())))["a"]


async def deeper(runner):
    await asyncio.sleep(0)
    await emit("order.paid", {"n": 1})
    await acquire_lock("card", ttl=30, timeout=1)
    store, bus = get_state_store(), get_event_bus()
    assert store is runner.get_state_store()
    assert bus is runner.get_event_bus()
    return get_workflow_id()


async def test_the_functions_find_the_run_in_an_async_handler(runner, store):
    async def body(ctx):
        assert current_context() is ctx
        return await asyncio.create_task(deeper(runner))

    assert await inside(runner, body) == RUN
    assert await store.is_event_emitted(RUN, "order.paid")


async def test_the_functions_find_the_run_in_a_thread(runner, store):
    def body(ctx):
        ctx.run(emit("order.paid", {"n": 1}))
        token = ctx.run(acquire_lock("card", ttl=30, timeout=1))
        ctx.run(release_lock("card"))
        assert get_state_store() is runner.get_state_store()
        assert get_event_bus() is runner.get_event_bus()
        return {"id": get_workflow_id(), "token": token}

    found = await inside(runner, body)

    assert found["id"] == RUN
    assert found["token"] > 0
    assert await store.is_event_emitted(RUN, "order.paid")


@pytest.mark.parametrize("plain", [False, True])
async def test_the_functions_find_the_run_in_a_compensation(runner, store, plain):
    seen = []

    async def undo(ctx):
        seen.append(await deeper(runner))

    def undo_plain(ctx):
        seen.append(ctx.run(deeper(runner)))

    async def fails(ctx):
        raise RuntimeError("no")

    runner.register_handler("undo.it", undo_plain if plain else undo)
    runner.register_handler("fails", fails)
    text = one_step(saga="{uses: undo.it}") + "  \n"
    text = text.replace("}}]", "}}, {id: b, uses: fails, depends_on: [a]}]")

    with pytest.raises(RunFailed):
        await inside(runner, lambda ctx: {}, text)

    assert seen == [RUN]
    assert await store.is_event_emitted(RUN, "order.paid")


def test_outside_of_a_run_they_say_so():
    for call in (get_workflow_id, get_state_store, get_event_bus, lambda: emit("order.paid")):
        with pytest.raises(InvalidInput, match="inside a handler"):
            call()
    with pytest.raises(InvalidInput, match="inside a handler"):
        current_context()


async def test_with_runner_they_act_for_a_run_from_outside(runner, store):
    with with_runner(runner, RUN):
        assert await deeper(runner) == RUN
        with pytest.raises(InvalidInput, match="inside a handler"):
            current_context()
        await emit("order.paid", {"n": 2})
        await release_lock("card")

    history = await bodies((await store.backend()).events, RUN)
    assert len(history) == 1
    with pytest.raises(InvalidInput, match="inside a handler"):
        get_workflow_id()
    with pytest.raises(InvalidInput, match="run id"), with_runner(runner, "no id"):
        pass


async def test_a_lock_is_the_runs_own(runner):
    order = []

    async def body(ctx):
        await acquire_lock("card", ttl=30, timeout=20)
        order.append(f"{ctx.run_id} in")
        await settle()  # the others ask for it
        order.append(f"{ctx.run_id} out")
        await release_lock("card")
        await release_lock("never acquired")

    runner.register_handler("body", body)
    runner.register(parse(one_step()))

    runs = [await runner.execute("w") for _ in range(4)]
    for run in runs:
        await runner.execute_sync(run, "w")

    assert len(order) == 8
    assert all(i.split()[0] == o.split()[0] for i, o in zip(order[::2], order[1::2], strict=True))


async def test_a_lock_that_is_not_free_is_an_error(runner):
    async def body(ctx):
        with pytest.raises(LockTimeoutError):
            await acquire_lock("card", ttl=30, timeout=0.05)
        return True

    with with_runner(runner, "another-run"):
        await acquire_lock("card", ttl=30)

    assert await inside(runner, body) is True


async def test_a_lock_that_was_not_given_up_is_not_renewed_for_ever(runner):
    async def body(ctx):
        await acquire_lock("card", ttl=1)
        return {}

    await inside(runner, body)

    with with_runner(runner, "another-run"):
        with pytest.raises(LockTimeoutError):
            await acquire_lock("card", ttl=1)
        await acquire_lock("card", ttl=1, timeout=20)
        await release_lock("card")


async def test_another_locker_keeps_the_locks(store):
    async with InMemLocker() as locker, Runner(locker=locker) as runner:

        async def body(ctx):
            async with ctx.lock("card", ttl=30, timeout=1):
                leases = await locker.leases()
                return await leases.holders("lock.>")

        assert await inside(runner, body) == {"lock.card": RUN}
        assert await (await locker.leases()).holders("lock.>") == {}


async def test_another_bus_gets_everything(store):
    async with InMemBus() as bus, Runner(bus, settings=Settings(drain=0.05)) as runner:
        heard = await bus.subscribe("*")

        async def body(ctx):
            assert get_event_bus() is bus
            await ctx.emit("order.paid", {"n": 1})

        await inside(runner, body)
        async with asyncio.timeout(WAIT_LIMIT):
            events = [await anext(heard) for _ in range(5)]

    reported = sorted(event.subject for event in events)
    assert reported == [
        "order.paid",
        "workflow.completed",
        "workflow.started",
        "workflow.step.completed",
        "workflow.step.started",
    ]
    [started] = [event for event in events if event.type == "started"]
    assert started.namespace == "workflow"
    assert started.payload["id"] == RUN
    assert started.id == f"{RUN}/workflow.started"
    [paid] = [event for event in events if event.type == "paid"]
    assert paid.payload == {"n": 1, "_workflow_id": RUN}


async def test_the_events_of_a_run_are_heard_on_the_runners_own_bus(runner):
    heard = await runner.get_event_bus().subscribe("workflow", "step.completed")
    assert runner.get_event_bus().subscribers() == {"workflow.step.completed": 1}

    await inside(runner, lambda ctx: {})

    async with asyncio.timeout(WAIT_LIMIT):
        event = await anext(heard)
    assert event.payload["step_id"] == "a"


@pytest.mark.parametrize(("limit", "number"), [(4096, 2), (1, 0)])
async def test_notifications_have_no_payloads_if_none_is_inline(limit, number):
    """What the page on security says of `inline_limit`; else they have what is small."""
    settings = Settings(inline_limit=limit, drain=0.05)
    async with InMemBus() as bus, Runner(bus, settings=settings) as runner:
        heard = await bus.subscribe("*")
        runner.register_handler("body", lambda ctx: {"card": "secret"})

        await runner.execute_sync_workflow(RUN, parse(one_step()), {"order": "secret"})
        async with asyncio.timeout(WAIT_LIMIT):
            events = [await anext(heard) for _ in range(4)]

    assert sum("secret" in str(event.payload) for event in events) == number


async def test_a_bus_that_fails_holds_up_nothing(store):
    class Broken(InMemBus):
        async def send(self, subject, body):
            raise InvalidInput("broken")

    async with Broken() as bus, Runner(bus, settings=Settings(drain=0.05)) as runner:
        assert await inside(runner, lambda ctx: {"n": 1}) == {"n": 1}
