"""Starts that replace each other, in whole fleets of one process: who begins, who learns what."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from flowworker.client import Client
from flowworker.core.debounce import Debounce, DebounceRecord, debounce_id
from flowworker.core.ids import origin_of
from flowworker.core.model import Step, Workflow
from flowworker.errors import InvalidInput
from flowworker.ports import Backend
from flowworker.stores.stores import stores_of
from tests.client.limited import Calls, fleet_of
from tests.client.run_limits import status
from tests.support.waiting import WAIT_LIMIT, eventually

CALL = (Step("a", "call"),)
KEY = debounce_id("sync", '"x"')

WORKFLOWS = (Workflow("sync", CALL, debounce=Debounce(2.0, 60.0, "input.key")),)


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


async def pending(fleet: Client, run: str) -> None:
    async def waits() -> bool:
        return await status(fleet, run) == "PENDING"

    await eventually(waits)


async def test_only_the_last_one_begins_and_the_others_say_by_which_they_were_replaced(
    fleet: Client, calls: Calls
) -> None:
    other = await fleet.start("sync", {"key": "y"})
    for run in ("first", "second", "third"):
        await fleet.start("sync", {"key": "x"}, run_id=run)
        await pending(fleet, run)

    for run, last in (("first", "second"), ("second", "third")):
        result = await fleet.result(run, WAIT_LIMIT)
        assert result.status == "CANCELLED"
        assert f"replaced by run {last}, which was started later" in result.error
    for run in ("third", other):
        assert (await fleet.result(run, WAIT_LIMIT)).status == "COMPLETED"
    assert sorted(calls.begun) == sorted(["third", other])

    # And behind one that has begun, others are counted anew
    await fleet.start("sync", {"key": "x"}, run_id="fourth")
    assert (await fleet.result("fourth", WAIT_LIMIT)).status == "COMPLETED"


async def test_a_start_that_is_sent_twice_is_one(fleet: Client, calls: Calls) -> None:
    for _ in range(2):
        await fleet.start("sync", {"key": "x"}, run_id="once")

    assert (await fleet.result("once", WAIT_LIMIT)).status == "COMPLETED"
    assert calls.begun == ["once"]


async def test_who_was_replaced_and_has_not_heard_of_it_finds_out_when_its_time_has_come(
    fleet: Client, backend: Backend, calls: Calls
) -> None:
    # Given a coordinator that died once it had written that another one is the last
    await fleet.start("sync", {"key": "x"}, run_id="lost")
    await pending(fleet, "lost")
    store = stores_of(backend).debounces
    _, revision = await store.load(KEY)
    later = origin_of(10**6, 4e9)
    await store.save(DebounceRecord(KEY, run="other", origin=later), revision)

    result = await fleet.result("lost", WAIT_LIMIT)

    assert result.status == "CANCELLED"
    assert "replaced by run other" in result.error
    assert calls.begun == []


@pytest.mark.parametrize(
    ("given", "delay", "problem"),
    [
        ({"key": []}, 0.0, "key of debounce: expected a text, a number, true or false, found"),
        ({"key": "x"}, 60.0, "replace each other .`debounce`.: they cannot say when they begin"),
    ],
)
async def test_what_is_rejected(fleet, given, delay, problem):
    run = await fleet.start("sync", given, **({"delay": delay} if delay else {}))
    with pytest.raises(InvalidInput, match=problem):
        await fleet.result(run, WAIT_LIMIT)
