"""What mypy --strict has to make of handlers; `make lint` reads them as if they were a user's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, assert_type

from flowworker import (
    App,
    EventBus,
    NonRetryableError,
    RetryAfter,
    StateStore,
    StepContext,
    StepHandler,
    StepResult,
    acquire_lock,
    current_context,
    emit,
    get_event_bus,
    get_state_store,
    get_workflow_id,
    release_lock,
)


class Database:
    async def fetch(self, query: str) -> list[str]:
        return [query]


@asynccontextmanager
async def database() -> AsyncIterator[Database]:
    yield Database()


app = App(lifespan=database)


@app.step("users.find")
async def find(ctx: StepContext[Database], name: str) -> list[str]:
    assert_type(ctx.runtime, Database)
    return await ctx.runtime.fetch(name)


@app.step("users.wrong")
async def wrong(ctx: StepContext[Database]) -> None:
    ctx.runtime.nonsense()  # type: ignore[attr-defined]


@app.step("users.untyped")
async def untyped(ctx: StepContext) -> None:
    assert_type(ctx.runtime, Any)


def helper(ctx: StepContext[object]) -> None:
    """A context of whatever runtime fits."""


@app.step("users.help")
def with_help(ctx: StepContext[Database]) -> None:
    helper(ctx)


@app.step("users.pay")
async def pay(ctx: StepContext[Database], amount: int) -> dict[str, int]:
    if amount < 0:
        raise NonRetryableError("nothing to pay")
    if ctx.attempt == 1:
        raise RetryAfter(seconds=0.5)
    assert_type(ctx.input, dict[str, Any])
    assert_type(ctx.deadline, float | None)
    assert_type(await ctx.output("reserve"), Any)
    async with ctx.lock("card:4711", ttl=30, timeout=5, owner="step") as lock:
        assert_type(lock.token, int)
        assert_type(lock.lost, bool)
    await ctx.emit("order.paid", {"amount": amount}, key="first")
    ctx.lock("card:4711", ttl=30, timeout=5, owner="me")  # type: ignore[arg-type]
    await ctx.emit()  # type: ignore[call-arg]
    return {"amount": amount}


assert_type(pay.__name__, str)
handler: StepHandler = pay
result: StepResult = {"amount": 890}


@app.step("users.plain")
def plain(ctx: StepContext[Database]) -> str:
    names = ctx.run(ctx.runtime.fetch("names"))
    assert_type(names, list[str])
    ctx.run(names)  # type: ignore[arg-type]
    return names[0]


async def deep_within() -> None:
    """Called by handlers, without their contexts."""
    assert_type(current_context().run_id, str)
    assert_type(get_workflow_id(), str)
    assert_type(get_state_store(), StateStore)
    assert_type(get_event_bus(), EventBus)
    assert_type(await acquire_lock("card:4711", ttl=30), int)
    await release_lock("card:4711")
    await emit("order.paid")


@app.middleware
async def timed(ctx: StepContext[Database], call_next: Any) -> Any:
    return await call_next()


@app.middleware  # type: ignore[type-var]
def untimed(ctx: StepContext[Database], call_next: Any) -> int:
    return 0


app.include(App(runtime=Database()))
app.step(find)  # type: ignore[arg-type]
App(lifespan=Database)  # type: ignore[arg-type]
