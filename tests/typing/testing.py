"""What mypy --strict has to make of users' tests."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, assert_type

from flowworker import (
    App,
    RunResult,
    RunStatus,
    RunView,
    Standstill,
    StepContext,
    StepStatus,
    parse,
)
from flowworker.testing import (
    Call,
    Emitted,
    Replacement,
    StepOfRun,
    TriedRun,
    WorkflowTest,
    fails,
    handler_context,
    hangs,
    returns,
)

app = App()


@app.step("charge")
async def charge(ctx: StepContext[str], amount: int) -> dict[str, int]:
    return {"paid": amount}


def a_workflow() -> None:
    with WorkflowTest(app, "order.yaml", Path("more"), parse("...")) as flow:
        assert_type(flow, WorkflowTest)
        assert_type(returns(3, times=1), Replacement)
        flow.replace("charge", fails(TimeoutError, times=3))
        flow.replace("charge", hangs())
        flow.replace("charge", charge)
        flow.replace("charge", lambda _: None)
        flow.replace("charge", 3)  # type: ignore[arg-type]
        run = flow.run({"order_id": 7}, workflow="order", labels={"team": "a"})
        assert_type(run, TriedRun)
        assert_type(flow.start().wait(), TriedRun)
        assert_type(run.resume("retry", step="ship"), TriedRun)
        assert_type(run.pause("look first", actor="ops"), TriedRun)
        assert_type(run.unpause(), TriedRun)
        assert_type(run.status, RunStatus)
        assert_type(run.completed, bool)
        assert_type(run.output, dict[str, Any])
        assert_type(run.result, RunResult)
        assert_type(run.view, RunView)
        assert_type(run.history, list[dict[str, Any]])
        assert_type(run.emitted, list[Emitted])
        step = run.step("ship")
        assert_type(step, StepOfRun)
        assert_type(step.status, StepStatus)
        assert_type(step.attempts, int)
        assert_type(step.calls, tuple[Call, ...])
        assert_type(flow.calls("charge"), list[Call])
        assert_type(flow.elapsed, timedelta)
        try:
            flow.advance(timedelta(weeks=1))
        except Standstill as standstill:
            assert_type(standstill, Standstill)
        flow.advance(3)  # type: ignore[arg-type]


async def a_handler() -> None:
    ctx = handler_context(runtime="gateway", attempt=2)
    assert_type(await charge(ctx, 7), dict[str, int])
    assert_type(ctx.emitted, list[Emitted])
    with handler_context() as entered:
        assert_type(entered.heartbeats, int)
    handler_context(attempt="2")  # type: ignore[arg-type]
