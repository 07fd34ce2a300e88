"""Rates of runs in whole fleets of one process: who begins when, and what becomes of others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from flowworker import App, parse
from flowworker.client import Client
from flowworker.core.admission import RateLimit
from flowworker.core.limit import Throttle
from flowworker.core.model import Step, Workflow
from flowworker.errors import InvalidInput, RunRefused
from flowworker.ports import Backend
from flowworker.testing import WorkflowTest
from tests.client.limited import Calls, fleet_of
from tests.client.run_limits import status, until_waiting
from tests.support.waiting import WAIT_LIMIT, eventually

CALL = (Step("a", "call"),)
DAY = 86_400.0

WORKFLOWS = (
    Workflow("slow", CALL, throttle=Throttle(1, DAY, 2)),
    Workflow("quick", CALL, throttle=Throttle(20, 1.0, 1)),
    Workflow("few", CALL, rate_limit=RateLimit(2, DAY, key="input.key")),
)


@pytest.fixture
def calls() -> Calls:
    made = Calls()
    made.may_end.set()
    return made


@pytest_asyncio.fixture
async def fleet(
    client: Client, backend: Backend, coordinator: None, calls: Calls
) -> AsyncIterator[Client]:
    async with fleet_of(client, backend, calls, WORKFLOWS) as made:
        yield made


async def test_runs_beyond_a_throttle_wait_and_say_for_what(fleet, calls):
    runs = [await fleet.start("slow") for _ in range(4)]
    await until_waiting(fleet, 2)
    await eventually(lambda: len(calls.begun) == 2)

    waiting = [run for run in runs if run not in calls.begun]
    assert [await status(fleet, run) for run in waiting] == ["PENDING"] * 2
    found = await fleet.why(waiting[0])
    assert "it lets in 1/d, the next one in 1 d" in found.reasons[0].text

    # And such a run can be cancelled, and waits no more
    await fleet.cancel(waiting[0])
    assert (await fleet.result(waiting[0], WAIT_LIMIT)).status == "CANCELLED"
    await until_waiting(fleet, 1)


async def test_they_begin_when_it_is_their_time(fleet, calls):
    runs = [await fleet.start("quick") for _ in range(5)]

    for run in runs:
        assert (await fleet.result(run, WAIT_LIMIT)).status == "COMPLETED"
    assert await fleet.limits() == []


async def test_a_start_beyond_a_rate_limit_is_rejected_with_when_to_come_again(fleet, calls):
    runs = [await fleet.start("few", {"key": 1}) for _ in range(2)]
    for run in runs:
        await fleet.result(run, WAIT_LIMIT)

    started = await fleet.start("few", {"key": 1}, run_id="third")
    with pytest.raises(RunRefused, match=r"comes too early: its workflow allows 2/d") as raised:
        await fleet.result(started, WAIT_LIMIT)

    [event] = [one for one in await fleet.history("third") if one["type"] == "workflow.rejected"]
    assert event["data"]["retry_at"] == raised.value.retry_at > 0.0
    # Another key has a rate of its own
    assert (await fleet.run("few", {"key": 2}, timeout=WAIT_LIMIT)).status == "COMPLETED"


async def test_a_key_that_is_no_text_or_number_rejects_the_start(fleet):
    with pytest.raises(InvalidInput, match="key of rate_limit: expected a text, a number"):
        await fleet.run("few", {"key": []}, timeout=WAIT_LIMIT)


def test_a_throttle_by_the_clock():
    app = App()
    app.step("call")(lambda ctx: None)
    text = """
name: slow
throttle: {limit: 1, period: 10s}
steps: [{id: a, uses: call}]
"""
    with WorkflowTest(app, parse(text)) as flow:
        assert flow.run().status == "COMPLETED"
        assert flow.run().status == "COMPLETED"

        assert flow.elapsed == timedelta(seconds=10)
