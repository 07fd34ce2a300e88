"""Rates in whole fleets of one process: who is let in when, and what is seen of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from msgspec.structs import replace

from flowworker import App, parse
from flowworker.client import Client
from flowworker.core.limit import Throttle, named_limit
from flowworker.core.model import Step, Workflow
from flowworker.core.rate import Rate, microseconds
from flowworker.errors import PayloadTooLarge
from flowworker.ports import Backend
from flowworker.stores.stores import stores_of
from flowworker.testing import WorkflowTest
from tests.client.limited import Calls, ended, fleet_of, until_waiting
from tests.support.waiting import WAIT_LIMIT, eventually

WORKFLOWS = (
    Workflow("one", (Step("a", "call", limits=("api",)),)),
    Workflow("keyed", (Step("a", "call", throttle=Throttle(1, 86_400.0, 2, "input.key")),)),
)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest_asyncio.fixture
async def fleet(
    client: Client, backend: Backend, coordinator: None, calls: Calls
) -> AsyncIterator[Client]:
    async with fleet_of(client, backend, calls, WORKFLOWS) as made:
        yield made


async def test_a_burst_begins_and_the_others_wait_for_their_time(fleet, calls):
    view = await fleet.set_limit("api", rate="1/d", burst=2)
    assert (view.rate, view.burst, view.concurrency, view.passed) == ("1/d", 2, 0, 0)
    calls.may_end.set()
    runs = [await fleet.start("one", run_id=f"one-{n}") for n in range(5)]
    await until_waiting(fleet, 3)

    # Then two have begun, and it is said when the next one will
    await eventually(lambda: len(calls.begun) == 2)
    view = await fleet.limit("api")
    assert (view.held, view.waiting, view.passed) == (0, 3, 2)
    waiting = next(run for run in runs if run not in calls.begun)
    [step] = (await fleet.why(waiting)).steps
    assert "waits for limit 'api': it lets in 1/d, the next one in 1 d" in (step.reasons[0].text)
    assert step.reasons[0].until == view.next_at

    # When operators allow more, they go on
    await fleet.set_limit("api", rate="100/s")
    assert await ended(fleet, runs) == ["COMPLETED"] * 5


async def test_those_who_wait_go_when_it_is_their_time_in_their_order(fleet, calls):
    await fleet.set_limit("api", rate="1/d")
    calls.may_end.set()
    runs = []
    for number in range(6):
        runs += [await fleet.start("one", run_id=f"one-{number}")]
        await until_waiting(fleet, number)

    await fleet.set_limit("api", rate="20/s", burst=1)

    assert await ended(fleet, runs) == ["COMPLETED"] * 6
    assert calls.begun == runs
    assert (await fleet.limit("api")).passed == 6


async def test_a_number_of_places_and_a_rate_are_both_kept_to(fleet, calls):
    await fleet.set_limit("api", 1, rate="1/d", burst=2)
    runs = [await fleet.start("one", run_id="one-0")]
    await eventually(lambda: calls.running == 1)
    for n in (1, 2):
        runs += [await fleet.start("one", run_id=f"one-{n}")]
        await until_waiting(fleet, n)
    view = await fleet.limit("api")
    assert (view.held, view.passed, view.next_at) == (1, 1, 0.0)

    # When the place is free, the next one goes by what is left of the burst, and then none
    calls.may_end.set()
    assert await ended(fleet, runs[:2]) == ["COMPLETED"] * 2
    await until_waiting(fleet, 1)
    assert (await fleet.limit("api")).next_at > 0.0


async def test_each_value_of_a_key_has_a_rate_of_its_own(fleet, calls):
    calls.may_end.set()
    runs = {await fleet.start("keyed", {"key": key}): key for key in "aaab"}

    await eventually(lambda: len(calls.begun) == 3)
    assert sorted(runs[run] for run in calls.begun) == ["a", "a", "b"]
    [one] = [one for one in await fleet.limits() if one.waiting]
    assert (one.waiting, one.rate, one.burst) == (1, "1/d", 2)


async def test_a_key_that_is_no_text_or_number_fails_the_attempt(fleet):
    result = await fleet.run("keyed", {"key": {}}, timeout=WAIT_LIMIT)

    assert "key of throttle: expected a text, a number, true or false, found {}" in result.error


async def test_who_waits_behind_a_dead_coordinator_goes_on_by_a_sweep(fleet, backend, calls):
    # Given one who waits behind others that another coordinator has let in, and which is gone
    await fleet.set_limit("api", rate="1/d")
    calls.may_end.set()
    first = await fleet.start("one")
    assert await ended(fleet, [first]) == ["COMPLETED"]
    second = await fleet.start("one")
    await until_waiting(fleet, 1)

    # When its time has come by the record, which nobody here has written
    store = stores_of(backend).limits
    record, revision = await store.load(named_limit("api"))
    later = replace(record, rate=Rate(20, 1.0), tat=microseconds(1.0))
    await store.save(later, revision)

    assert await ended(fleet, [second]) == ["COMPLETED"]


async def test_who_has_waited_and_cannot_be_enqueued_fails(fleet, backend, monkeypatch):
    run = await fleet.start("one")
    await until_waiting(fleet, 1)

    async def refuse(*_: object) -> None:
        raise PayloadTooLarge("too large")

    monkeypatch.setattr(type(backend.steps), "enqueue", refuse)
    await fleet.set_limit("api", 1, rate="100/s")

    result = await fleet.result(run, timeout=WAIT_LIMIT)
    assert (result.status, result.error) == (
        "FAILED",
        "step 'a' failed: PayloadTooLarge: too large",
    )
    await until_waiting(fleet, 0)


def test_a_throttle_by_the_clock():
    app = App()
    begun = []

    @app.step("call")
    async def call(ctx):
        begun.append(flow.elapsed)

    text = """
name: loop
steps:
  - id: a
    uses: call
    for_each: {items: [1, 2, 3, 4, 5]}
    throttle: {limit: 1, period: 10s, burst: 2}
"""
    with WorkflowTest(app, parse(text)) as flow:
        assert flow.run().status == "COMPLETED"

    assert begun == [timedelta(seconds=at) for at in (0, 0, 10, 20, 30)]
