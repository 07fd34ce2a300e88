"""Runs to act on, and what becomes of them."""

from __future__ import annotations

from flowworker.acts import Outcome
from flowworker.core.model import Approval, Step, Workflow
from tests.support.waiting import eventually

ASKS = Workflow(
    name="asks",
    steps=(
        Step(id="ok", approval=Approval("Ship?", {"type": "object", "required": ["by"]})),
        Step(id="sure", approval=Approval("Sure?"), depends_on=("ok",)),
    ),
)
REQUESTED, ALREADY, REFUSED = Outcome


async def started(client, count, workflow="order.fulfil"):
    """Runs that go on until somebody ends them."""
    runs = [await client.start(workflow, {"order": each}) for each in range(count)]
    for run in runs:
        await client.status(run)
    return runs


async def asking(client, count=2):
    await client.register(ASKS)
    runs = await started(client, count, "asks")
    for run in runs:
        await until_asked(client, run, "ok")
    return runs


async def until_asked(client, run, step):
    async def asks():
        return (await client.status(run)).waiting == (step,)

    await eventually(asks)


async def until(client, runs, status):
    for run in runs:
        assert (await client.result(run, timeout=60)).status is status


async def outcomes(client, runs, act, **how):
    """By run; the order in which they are known does not matter."""
    return {one.id: one.outcome async for one in client.act_on(runs, act, **how)}


async def events(client, run, kind):
    return [one for one in await client.history(run) if one["type"] == f"workflow.{kind}"]
