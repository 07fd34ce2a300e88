"""Steps that wait, on a real fleet whose processes are killed meanwhile."""

from __future__ import annotations

import json
from types import ModuleType

from flowworker.core.status import RunStatus, StepStatus
from integration.fleet.fleet import ROOT
from tests.docs.pages import FENCE
from tests.support.waiting import WAIT_LIMIT


def bare_client(namespace):
    """What the documentation shows, for a namespace of ours."""
    page = (ROOT / "docs/how-to/wait.md").read_text(encoding="utf-8")
    [text] = [block[3] for block in FENCE.finditer(page) if block[2] == "python"]
    module = ModuleType("documented")
    exec(text.replace('"flowworker.signal', f'"{namespace}.signal'), module.__dict__)
    return module.signal


async def waits(fleet, run, step):
    async def does_wait():
        view = await fleet.client.status(run)
        return any(one.id == step and one.status is StepStatus.RUNNING for one in view.steps)

    await fleet.until(does_wait)


async def test_a_run_waits_whatever_is_killed(empty_fleet, run):
    # Given a run that sleeps, and that a signal was sent to before anybody waits for it
    fleet = empty_fleet
    first = fleet.start("coordinator")
    signal = bare_client(fleet.namespace)
    await fleet.client.start("waits", {"order": 7}, run_id=run, delay=1.0)
    for value in ({"order": 1}, {"order": 7}, {"order": 7, "again": True}):
        await signal(fleet.server.url, run, "paid", value, f"{run}-{json.dumps(value)}")
    await waits(fleet, run, "nap")

    # When its coordinator is killed
    first.kill()
    first.wait()
    fleet.start("coordinator")

    # Then it goes on with the first signal that is meant, and waits for another
    await waits(fleet, run, "again")
    await fleet.client.signal(run, "sent", {"parcel": 1})
    result = await fleet.client.result(run, WAIT_LIMIT)
    assert result.status is RunStatus.COMPLETED
    assert result.output["again"] == {"parcel": 1}
    completed = [
        (event["data"]["step_id"], event["data"]["output"]["data"])
        for event in await fleet.client.history(run)
        if event["type"] == "workflow.step.completed"
    ]
    assert completed == [("nap", {}), ("paid", {"order": 7}), ("again", {"parcel": 1})]
