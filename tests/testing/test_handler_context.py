"""One handler alone."""

from __future__ import annotations

import asyncio

import pytest

from flowworker import InvalidInput, LockTimeoutError, StepContext, current_context, emit
from flowworker.core.status import Kind
from flowworker.testing import ManualClock, handler_context


async def charge(ctx: StepContext[str], order_id: int):
    if ctx.attempt == 1:
        raise TimeoutError
    async with ctx.lock(f"order:{order_id}", ttl=30, timeout=5) as lock:
        await ctx.emit("order.paid", {"order_id": order_id, "token": lock.token})
    await ctx.emit("order.paid", key="again")
    await ctx.emit("order.paid", key="again")
    return ctx.runtime


def plain(ctx: StepContext):
    for _ in range(3):
        ctx.heartbeat()
    ctx.run(ctx.acquire_lock("stock", ttl=30, timeout=0))
    ctx.run(emit("plain.done", [1]))
    ctx.run(ctx.release_lock("stock"))
    return ctx.run(ctx.output("before")), current_context() is ctx


async def test_an_async_handler_is_called_like_any_function():
    with pytest.raises(TimeoutError):
        await charge(handler_context(), 7)

    ctx = handler_context(attempt=2, runtime="gateway")
    assert await charge(ctx, order_id=7) == "gateway"
    assert ctx.emitted == [("order.paid", {"order_id": 7, "token": 1}), ("order.paid", None)]


def test_a_plain_handler_too_without_a_loop():
    with handler_context(outputs={"before": {"a": 1}}) as ctx:
        assert plain(ctx) == ({"a": 1}, True)
    assert ctx.emitted == [("plain.done", [1])]
    assert ctx.heartbeats == 3


async def test_a_plain_handler_in_an_async_test_runs_in_a_thread():
    with handler_context(outputs={"before": 3}) as ctx:
        assert await asyncio.to_thread(plain, ctx) == (3, True)
        with pytest.raises(InvalidInput, match=r"ctx.run is for handlers that are plain"):
            plain(ctx)


def test_it_says_what_it_was_given():
    clock = ManualClock(epoch=1000.0)
    ctx = handler_context(
        {"order_id": 7},
        attempt=3,
        turn=2,
        kind="compensate",
        run_id="r1",
        step_id="charge",
        workflow="order",
        timeout=30,
        idempotency_key="k",
        clock=clock,
    )

    assert ctx.input == {"order_id": 7}
    assert (ctx.attempt, ctx.turn, ctx.kind) == (3, 2, Kind.COMPENSATE)
    assert (ctx.run_id, ctx.workflow_id, ctx.step_id, ctx.workflow) == (
        "r1",
        "r1",
        "charge",
        "order",
    )
    assert (ctx.deadline, ctx.idempotency_key) == (1030.0, "k")
    assert handler_context(run_id="r1", step_id="a").idempotency_key == "r1/a/run"
    assert handler_context().input == {}


def test_a_handler_that_is_cancelled_hears_of_it_by_its_heartbeat():
    ctx = handler_context()
    ctx.cancelled = True
    with pytest.raises(asyncio.CancelledError):
        plain(ctx)
    assert ctx.heartbeats == 1


async def test_what_is_wrong_is_refused_as_by_a_worker():
    ctx = handler_context()
    with pytest.raises(InvalidInput, match="belongs to the engine"):
        await ctx.emit("workflow.done")
    with pytest.raises(InvalidInput, match="no output of 'nothing'"):
        await ctx.output("nothing")
    with ctx:
        pass
    with pytest.raises(InvalidInput, match="has ended"):
        await ctx.emit("too.late")
    with pytest.raises(InvalidInput, match="no step is running here"):
        current_context()


async def test_a_lock_that_somebody_else_has_is_not_free():
    ctx = handler_context()
    async with ctx.lock("stock", ttl=30, timeout=0):
        with pytest.raises(LockTimeoutError):
            await ctx.lock("stock", ttl=30, timeout=0, owner="step").acquire()
