"""What an App has: handlers by name, a lifespan, middleware, other Apps."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, nullcontext

import pytest

from flowworker.core.error_types import bases_of
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Outcome
from flowworker.errors import InvalidInput
from flowworker.handlers import App
from tests.support.waiting import eventually


async def charge(ctx): ...
async def refund(ctx): ...


@pytest.mark.parametrize("name", ["", "a b", ".a", "a.", "a..b", "a*", "ü", "a" * 129, 7, None])
def test_a_bad_name_is_refused(name):
    with pytest.raises(InvalidInput, match="handler name: expected at most 128 characters"):
        App().step(name)


def test_a_decorator_without_a_name_is_refused_with_what_to_write():
    with pytest.raises(InvalidInput, match=r'@app\.step\("charge"\)'):
        App().step(charge)  # type: ignore[arg-type]


def test_a_name_is_registered_once():
    app = App()
    app.step("payments.charge")(charge)

    with pytest.raises(InvalidInput, match=r"as charge .*as refund .*another name"):
        app.step("payments.charge")(refund)

    assert list(app.handlers) == ["payments.charge"]
    assert app.handlers["payments.charge"].function is charge


def test_handlers_cannot_be_changed_behind_the_apps_back():
    with pytest.raises(TypeError):
        App().handlers["x"] = None  # type: ignore[index]


def test_the_decorated_function_stays_what_it_was():
    assert App().step("x")(charge) is charge


def test_runtime_is_the_users():
    runtime = object()

    assert App(runtime).runtime is runtime


async def test_a_lifespan_lasts_as_long_as_its_worker_and_its_value_is_the_runtime(fleet):
    seen = []

    @asynccontextmanager
    async def lifespan():
        seen.append(("open", asyncio.current_task()))
        yield "pool"
        seen.append(("close", asyncio.current_task()))

    app = App(lifespan=lifespan)

    @app.step("use")
    async def use(ctx):
        return ctx.runtime

    worker = await fleet.worker(app)
    await fleet.run("use")
    assert await fleet.output() == "pool"
    assert [what for what, _ in seen] == ["open"]

    await worker.drain()

    assert [what for what, _ in seen] == ["open", "close"]
    assert seen[0][1] is seen[1][1]


async def test_workers_that_share_an_app_have_a_runtime_each(fleet):
    # Given two workers of one process, with one App that includes another
    opened: list[int] = []
    closed: list[int] = []
    shop = App(runtime="shop")

    @asynccontextmanager
    async def lifespan():
        opened.append(number := len(opened))
        yield number
        closed.append(number)

    app, inner = App(lifespan=lifespan), App(lifespan=lifespan)

    @app.step("outer")
    async def outer(ctx):
        return ctx.runtime

    @inner.step("inner")
    async def within(ctx):
        return ctx.runtime

    @shop.step("fixed")
    async def fixed(ctx):
        return ctx.runtime

    app.include(inner)
    app.include(shop)
    one = await fleet.worker(app, queues=("one",))
    other = await fleet.worker(app, queues=("other",))
    assert opened == [0, 1, 2, 3]

    async def seen_by(queue, run):
        for uses in ("outer", "inner", "fixed"):
            await fleet.run(uses, run=run, step=uses, queue=queue)
        records = [await fleet.record(run, uses, queue) for uses in ("outer", "inner", "fixed")]
        return [json.loads(bytes(record.output.data)) for record in records]

    # Then each gives its handlers what was opened for it, also when the other one has ended
    assert await seen_by("one", "r1") == [0, 1, "shop"]
    assert await seen_by("other", "r2") == [2, 3, "shop"]
    await one.drain()
    assert closed == [1, 0]
    assert await seen_by("other", "r3") == [2, 3, "shop"]
    await other.drain()
    assert closed == [1, 0, 3, 2]


async def test_a_worker_whose_lifespan_fails_does_not_start(fleet):
    @asynccontextmanager
    async def lifespan():
        raise ConnectionError("no database")
        yield

    with pytest.raises(InvalidInput, match="lifespan: ConnectionError: no database"):
        await fleet.worker(App(lifespan=lifespan))


async def test_what_a_lifespan_has_opened_is_closed_if_the_start_is_cancelled(fleet):
    seen = []

    @asynccontextmanager
    async def lifespan():
        try:
            seen.append("open")
            await asyncio.Event().wait()
            yield
        finally:
            seen.append("close")

    starting = asyncio.create_task(fleet.worker(App(lifespan=lifespan)))
    await eventually(lambda: seen)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)

    assert starting.cancelled()
    assert seen == ["open", "close"]


async def test_a_lifespan_that_cannot_be_closed_does_not_stop_the_drain(fleet, logs):
    @asynccontextmanager
    async def lifespan():
        yield
        raise ConnectionError("gone")

    worker = await fleet.worker(App(lifespan=lifespan))
    await worker.drain()

    assert logs.having("error", exc_info=True)


def test_a_runtime_and_a_lifespan_exclude_each_other():
    with pytest.raises(InvalidInput, match="found both"):
        App(runtime=1, lifespan=nullcontext)


@pytest.mark.parametrize("threaded", [False, True])
async def test_middleware_is_around_each_attempt_in_the_order_of_registration(fleet, threaded):
    calls = []

    def named(name):
        async def middleware(ctx, call_next):
            calls.append(f"{name} before {ctx.step_id}")
            result = await call_next()
            calls.append(f"{name} after")
            return {**result, name: True}

        return middleware

    for name in ("outer", "inner"):
        fleet.app.middleware(named(name))

    async def on_loop(ctx):
        calls.append("handler")
        return {}

    def plain(ctx):
        calls.append("handler")
        return {}

    fleet.app.step("work")(plain if threaded else on_loop)
    await fleet.worker()
    await fleet.run("work")

    assert (await fleet.ended()).outcome is Outcome.COMPLETED
    assert calls == ["outer before s", "inner before s", "handler", "inner after", "outer after"]
    assert await fleet.output() == {"inner": True, "outer": True}


async def test_middleware_may_fail_an_attempt(fleet):
    @fleet.app.middleware
    async def refuse(ctx, call_next):
        raise PermissionError("not you")

    fleet.app.step("work")(lambda ctx: None)
    await fleet.worker()
    await fleet.run("work")

    assert (await fleet.ended()).error == ErrorInfo(
        "PermissionError", "not you", bases=bases_of(PermissionError)
    )


def test_middleware_is_async():
    with pytest.raises(InvalidInput, match="is not an async function"):
        App().middleware(lambda ctx, call_next: call_next())


async def test_an_included_app_brings_its_runtime_and_middleware(fleet):
    calls = []
    shop, all_of_it = App(runtime="shop"), App(runtime="all")

    @shop.middleware
    async def inner(ctx, call_next):
        calls.append("inner")
        return await call_next()

    @all_of_it.middleware
    async def outer(ctx, call_next):
        calls.append("outer")
        return await call_next()

    @shop.step("shop.sell")
    async def sell(ctx):
        return ctx.runtime

    @all_of_it.step("own")
    async def own(ctx):
        return ctx.runtime

    all_of_it.include(shop)
    await fleet.worker(all_of_it)
    await fleet.run("shop.sell")
    await fleet.run("own", step="o")

    assert await fleet.output() == "shop"
    assert await fleet.output(step="o") == "all"
    assert calls == ["outer", "inner", "outer"]
    assert all_of_it.parts() == [all_of_it, shop]


def test_what_is_included_twice_is_one_part():
    shared, all_of_it = App(), App()
    shop, stock = App(), App()
    for app in (shop, stock):
        app.include(shared)
        all_of_it.include(app)

    assert all_of_it.parts() == [all_of_it, shop, shared, stock]


def test_a_name_is_taken_once_also_by_an_included_app():
    one, other = App(), App()
    one.step("work")(lambda ctx: 1)
    other.step("work")(lambda ctx: 2)

    with pytest.raises(InvalidInput, match="registered twice"):
        one.include(other)
