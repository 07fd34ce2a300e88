"""Limits of runs in whole fleets of one process: who begins when, and what becomes of others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from flowworker.client import Client
from flowworker.core.limit import Holder
from flowworker.errors import InvalidInput, RunRefused
from flowworker.ports import Backend
from flowworker.stores.stores import stores_of
from tests.client.limited import until_free
from tests.client.run_limits import Calls, fleet_of_runs, status, until_begun, until_waiting
from tests.support.waiting import WAIT_LIMIT, eventually


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest_asyncio.fixture
async def fleet(
    client: Client, backend: Backend, coordinator: None, calls: Calls
) -> AsyncIterator[Client]:
    async with fleet_of_runs(client, backend, calls) as made:
        yield made


async def started(fleet: Client, workflow: str, count: int, **given: Any) -> list[str]:
    return [await fleet.start(workflow, given, run_id=f"{workflow}-{n}") for n in range(count)]


async def test_no_more_runs_are_at_work_than_their_limit_says_and_the_others_begin_in_order(
    fleet: Client, calls: Calls
) -> None:
    runs = [await fleet.start("two", run_id=f"two-{n}") for n in range(2)]
    await eventually(lambda: len(calls.begun) == 2)
    for n in range(2, 6):
        runs.append(await fleet.start("two", run_id=f"two-{n}"))
        await until_waiting(fleet, n - 1)

    assert [await status(fleet, run) for run in runs] == ["RUNNING"] * 2 + ["PENDING"] * 4
    for n, run in enumerate(runs[:4]):
        calls.may_end[run].set()
        await eventually(partial(until_begun, calls, n + 3))
    calls.end()

    assert [str((await fleet.result(run, WAIT_LIMIT)).status) for run in runs] == ["COMPLETED"] * 6
    assert calls.begun[2:] == runs[2:]
    assert calls.most == 2
    await until_free(fleet)


async def test_each_value_of_a_key_has_its_own_limit(fleet: Client, calls: Calls) -> None:
    one = await fleet.start("keyed", {"key": "a"})
    other = await fleet.start("keyed", {"key": "b"})
    await eventually(lambda: len(calls.begun) == 2)
    second = await fleet.start("keyed", {"key": "a"})
    await until_waiting(fleet, 1)

    assert set(calls.begun) == {one, other}
    calls.may_end[one].set()
    await eventually(lambda: calls.begun[2:] == [second])


async def test_a_start_is_rejected_for_which_there_is_no_place_if_its_limit_skips(
    fleet: Client, calls: Calls
) -> None:
    first = await fleet.start("skips", run_id="first")
    await eventually(lambda: calls.begun == [first])

    await fleet.start("skips", run_id="second")
    with pytest.raises(RunRefused, match=r"one too many: its workflow allows one at a time.*first"):
        await fleet.result("second", WAIT_LIMIT)

    calls.may_end[first].set()
    await fleet.result(first, WAIT_LIMIT)
    again = await fleet.start("skips", run_id="third")
    await eventually(lambda: calls.begun == [first, again])


async def test_of_many_starts_at_a_time_a_singleton_lets_one_be(
    fleet: Client, calls: Calls
) -> None:
    runs = [await fleet.start("single", {"key": 1}, run_id=f"single-{n}") for n in range(10)]
    await eventually(lambda: len(calls.begun) == 1)
    refused = 0
    for run in set(runs) - set(calls.begun):
        with pytest.raises(RunRefused, match=calls.begun[0]):
            await fleet.result(run, WAIT_LIMIT)
        refused += 1

    assert refused == 9
    assert [one.run for limit in await fleet.limits() for one in limit.holders] == calls.begun


async def test_the_newest_is_cancelled_with_the_reason_if_its_limit_says_so(
    fleet: Client, calls: Calls
) -> None:
    first = await fleet.start("newest", run_id="first")
    await eventually(lambda: calls.begun == [first])

    await fleet.start("newest", run_id="second")
    result = await fleet.result("second", WAIT_LIMIT)

    assert result.status == "CANCELLED"
    assert "one too many" in result.error
    assert calls.begun == [first]


async def test_the_oldest_gives_way_to_a_new_run_which_begins_when_that_is_over(
    fleet: Client, calls: Calls
) -> None:
    runs = []
    for n in range(4):
        runs.append(await fleet.start("oldest", run_id=f"oldest-{n}"))
        await eventually(partial(until_begun, calls, n + 1))

    for old, new in zip(runs, runs[2:], strict=False):
        result = await fleet.result(old, WAIT_LIMIT)
        takes = f"run {new} takes its place: its workflow allows 2 at a time"
        assert (result.status, result.error) == ("CANCELLED", takes)
    calls.end()

    assert [str((await fleet.result(run, WAIT_LIMIT)).status) for run in runs[2:]] == [
        "COMPLETED",
        "COMPLETED",
    ]
    assert calls.begun == runs
    assert calls.most == 2


async def test_of_a_singleton_that_cancels_the_latest_run_stays(
    fleet: Client, calls: Calls
) -> None:
    runs = await started(fleet, "latest", 5)

    results = [await fleet.result(run, WAIT_LIMIT) for run in runs[:-1]]
    calls.end()

    assert {str(one.status) for one in results} == {"CANCELLED"}
    assert all("takes its place: its workflow allows one at a time" in one.error for one in results)
    assert (await fleet.result(runs[-1], WAIT_LIMIT)).status == "COMPLETED"
    assert calls.most == 1


async def test_a_run_that_waits_and_is_cancelled_leaves_the_list(
    fleet: Client, calls: Calls
) -> None:
    first, second, third = await started(fleet, "two", 3)
    await until_waiting(fleet, 1)

    await fleet.cancel(third, "no need")
    assert (await fleet.result(third, WAIT_LIMIT)).error == "no need"

    await until_waiting(fleet, 0)
    calls.end()
    await fleet.result(first, WAIT_LIMIT)
    await fleet.result(second, WAIT_LIMIT)
    assert sorted(calls.begun) == [first, second]


async def test_a_child_that_is_one_too_many_is_cancelled(fleet: Client, calls: Calls) -> None:
    first = await fleet.start("skips", run_id="first")
    await eventually(lambda: calls.begun == [first])

    parent = await fleet.start("calls", run_id="parent")
    result = await fleet.result(parent, WAIT_LIMIT)

    assert "one too many" in result.error
    assert calls.begun == [first]


async def test_a_delayed_start_asks_when_its_time_has_come(fleet: Client, calls: Calls) -> None:
    late = await fleet.start("keyed", {"key": 1}, run_id="late", delay=2.0)
    soon = await fleet.start("keyed", {"key": 1}, run_id="soon")

    await eventually(lambda: calls.begun == [soon])
    await until_waiting(fleet, 1)
    calls.may_end[soon].set()

    await eventually(lambda: calls.begun == [soon, late])


async def test_before_a_start_is_refused_those_who_have_the_places_are_looked_at(
    fleet: Client, calls: Calls, backend: Backend
) -> None:
    # Given a coordinator that died before it gave back what a run held that is removed by now
    store = stores_of(backend).limits
    calls.end()
    await fleet.result(await fleet.start("skips"), WAIT_LIMIT)
    [limit] = await store.all()

    async def is_free() -> bool:
        return not (await store.load(limit))[0].holders

    await eventually(is_free)
    record, revision = await store.load(limit)
    await store.save(replace(record, holders=(Holder("lost", 1.0, ticket="0"),)), revision)

    # Then the next start is none too many
    result = await fleet.result(await fleet.start("skips"), WAIT_LIMIT)
    assert result.status == "COMPLETED"


async def test_why_says_for_which_limit_a_run_waits_who_has_it_and_how_many_come_first(
    fleet: Client, calls: Calls
) -> None:
    first = await fleet.start("keyed", {"key": 1}, run_id="first")
    await eventually(lambda: calls.begun == [first])
    for n, run in enumerate(("second", "third"), 1):
        await fleet.start("keyed", {"key": 1}, run_id=run)
        await until_waiting(fleet, n)

    found = await fleet.why("third")

    texts = [one.text for one in found.reasons]
    at_work = "1 of 1 are at work, the first is run first; 1 wait before it"
    assert texts == [f"waits for a limit of its workflow: {at_work}"]
    assert [one.reasons[0].text for one in found.steps] == ["its run has not begun"]
    page = await fleet.find("waiting=limit")
    assert [one.id for one in page.runs] == ["third", "second"]


@pytest.mark.parametrize(
    ("workflow", "given", "problem"),
    [
        ("keyed", {}, "key of concurrency 1: "),
        ("keyed", {"key": None}, "key of concurrency 1: expected a text, a number, true or false"),
        ("keyed", {"key": [1]}, r"found \[1\]"),
        ("labelled", {}, "key of concurrency 1: .*tenant"),
        ("single", {"key": {}}, "key of singleton: expected a text"),
    ],
)
async def test_a_start_is_rejected_whose_key_is_none(
    fleet: Client, workflow: str, given: dict[str, Any], problem: str
) -> None:
    run = await fleet.start(workflow, given)

    with pytest.raises(InvalidInput, match=problem):
        await fleet.result(run, WAIT_LIMIT)


async def test_a_key_may_name_labels(fleet: Client, calls: Calls) -> None:
    for run, tenant in (("a", "x"), ("b", "x"), ("c", "y")):
        await fleet.start("labelled", run_id=run, labels={"tenant": tenant})

    await until_waiting(fleet, 1)
    await eventually(lambda: len(calls.begun) == 2)
    assert "c" in calls.begun
