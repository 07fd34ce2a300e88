"""What is done to an execution of a Runner from outside."""

from __future__ import annotations

import pytest

from flowworker import App, RunFailed, Runner, parse
from flowworker.core.status import RunStatus
from tests.support.waiting import eventually

ASKS = parse(
    """
name: asks
steps:
- {id: paid, wait_for: {signal: paid}}
- {id: go, approval: {prompt: Go?}, depends_on: [paid]}
- {id: work, uses: work, depends_on: [go]}
"""
)


@pytest.fixture
async def runner():
    app, calls = App(), []

    @app.step("work")
    async def work(ctx) -> int:
        calls.append(ctx.run_id)
        if len(calls) == 1:
            raise ValueError("not yet")
        return len(calls)

    async with Runner(app=app) as runner:
        runner.register(ASKS)
        yield runner


async def test_signals_approvals_and_a_retry(runner):
    run = await runner.execute("asks")
    await eventually(lambda: _is_known(runner, run))
    await runner.signal(run, "paid", {"n": 7})
    await eventually(lambda: _waits(runner, run))
    await runner.approve(run, output={"by": "Ada"}, reason="fine", actor="ada")
    with pytest.raises(RunFailed, match="not yet"):
        (await runner.result(run)).raise_for_status()

    again = await runner.retry(run)

    assert again != run
    result = await runner.result(again)
    assert (result.status, result.output) == (RunStatus.COMPLETED, {"work": 2})


async def test_a_rejection_and_a_rerun_from_a_step(runner):
    run = await runner.execute("asks")
    await eventually(lambda: _is_known(runner, run))
    await runner.signal(run, "paid")
    await eventually(lambda: _waits(runner, run))
    await runner.reject(run, "too dear")
    assert (await runner.result(run)).error == "step 'go' failed: Rejected: too dear"

    again = await runner.rerun(run, from_step="go")

    await eventually(lambda: _waits(runner, again))


async def _is_known(runner: Runner, run: str) -> bool:
    return await runner.status(run) is RunStatus.RUNNING


async def _waits(runner: Runner, run: str) -> bool:
    return await runner.status(run) is RunStatus.WAITING_HUMAN
