"""A step whose handler no worker has."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from flowworker import RunStatus
from integration.cli.commands import Commands
from integration.fleet.fleet import Fleet
from tests.support.waiting import WAIT_LIMIT

RUN = "run-1"


async def test_a_step_waits_until_a_worker_comes_that_has_its_handler(empty_fleet: Fleet):
    # Given a worker that lacks the handler of the second step
    fleet = empty_fleet
    fleet.start("coordinator")
    worker = fleet.start("worker")

    # When that step's turn comes, then its wait is reported
    await fleet.client.start("unhandled", run_id=RUN)
    await fleet.until(lambda: fleet.shows(RUN, "reserve", "COMPLETED"))
    data = await _reported(fleet)
    assert (data["step_id"], data["handler"], data["attempt"]) == ("charge", "charge", 1)

    # And it waits, however often it is offered
    async def put_back() -> bool:
        return await fleet.metric(worker, "handlers_missing_total", handler="charge") >= 5

    await fleet.until(put_back)
    commands = Commands(fleet.server.url, FLOWWORKER_NAMESPACE=fleet.namespace)
    status = await asyncio.to_thread(commands.process, "status", RUN)
    assert (status.returncode, status.stderr) == (0, "")
    assert "RUNNING" in status.stdout
    assert "waits for a worker that has the handler 'charge'" in status.stdout

    # When a worker comes that has the handler, then the run goes on as if nothing had been
    fleet.start("worker", "--app", "integration.fleet.handlers:late")
    result = await fleet.client.result(RUN, WAIT_LIMIT)
    assert (result.status, result.output) == (RunStatus.COMPLETED, {"charge": {"attempt": 1}})
    assert await fleet.types(RUN) == [
        "started",
        *["step.started", "step.completed"],
        "step.waiting_handler",
        *["step.started", "step.completed"],
        "completed",
    ]
    assert fleet.count(RUN) == {"reserve": 1, "charge": 1}
    assert fleet.count(RUN, "undo") == {}


async def test_a_step_without_a_worker_fails_after_the_grace_period(empty_fleet: Fleet):
    fleet = empty_fleet
    fleet.start("coordinator")
    fleet.start("worker", FLOWWORKER_HANDLER_GRACE="2")

    result = await fleet.client.run("unhandled", run_id=RUN, timeout=WAIT_LIMIT)

    assert result.status is RunStatus.FAILED
    assert "no step handler found" in result.error
    assert fleet.count(RUN, "undo") == {"reserve": 1}


async def _reported(fleet: Fleet) -> dict:
    """What the event says that a step waits for its handler."""
    async with aclosing(fleet.client.watch(RUN)) as events:
        async for event in events:
            if event["type"] == "workflow.step.waiting_handler":
                return event["data"]
    raise AssertionError("the run ended without that")
