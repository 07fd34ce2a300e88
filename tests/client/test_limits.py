"""Limits in whole fleets of one process: who is let in when, and what is seen of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from flowworker.client import Client
from flowworker.core.attempt import Attempt
from flowworker.core.for_each import ForEach
from flowworker.core.limit import Concurrency, Holder, named_limit
from flowworker.core.model import Fallback, RetryPolicy, Saga, Step, Workflow
from flowworker.core.status import Kind
from flowworker.errors import NotFound
from flowworker.ports import Backend
from flowworker.stores.stores import stores_of
from tests.client.limited import Calls, ended, fleet_of, until_free, until_waiting
from tests.support.waiting import WAIT_LIMIT, eventually

API = ("api",)
LATER = RetryPolicy(2, interval=6.0)  # so late that a timer is set for it

PAIR = Step("a", "call", concurrency=(Concurrency(2),))

WORKFLOWS = (
    Workflow("one", (Step("a", "call", limits=API),)),
    Workflow("chain", (Step("a", "call", limits=API), Step("b", "call", ("a",), limits=API))),
    Workflow("many", (replace(PAIR, for_each=ForEach("input.of")),)),
    Workflow(
        "keyed",
        (Step("a", "call", concurrency=(Concurrency(1, "input.key"), Concurrency(3))),),
    ),
    Workflow("both", (Step("a", "call", limits=("api", "other")),)),
    Workflow(
        "undone",
        (
            Step("a", "call", saga=Saga("call"), limits=API),
            Step("b", "fail", ("a",), fallback=Fallback("fail"), limits=API),
        ),
    ),
    Workflow("again", (Step("a", "fail", retry=LATER, limits=API),)),
    Workflow("wrong", (Step("a", "call", concurrency=(Concurrency(1, "input.key"),)),)),
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


async def started(fleet: Client, workflow: str, count: int, **given: Any) -> list[str]:
    return [await fleet.start(workflow, given, run_id=f"{workflow}-{n}") for n in range(count)]


async def one_after_the_other(fleet: Client, calls: Calls, count: int) -> list[str]:
    """The first is at work, and the others wait in their order."""
    runs = [await fleet.start("one", run_id="one-0")]
    await eventually(lambda: calls.running == 1)
    for n in range(1, count):
        runs += [await fleet.start("one", run_id=f"one-{n}")]
        await until_waiting(fleet, n)
    return runs


async def test_steps_of_many_runs_are_let_in_one_by_one_in_order(fleet, calls):
    await fleet.set_limit("api", 1)
    runs = await one_after_the_other(fleet, calls, 5)

    calls.may_end.set()

    assert await ended(fleet, runs) == ["COMPLETED"] * 5
    assert (calls.begun, calls.most) == (runs, 1)


async def test_a_chain_gives_its_place_to_others_between_its_steps(fleet, calls):
    await fleet.set_limit("api", 1)
    first = await fleet.start("chain", run_id="first")
    await eventually(lambda: calls.running == 1)
    second = await fleet.start("one", run_id="second")
    await until_waiting(fleet, 1)

    calls.may_end.set()

    assert await ended(fleet, [first, second]) == ["COMPLETED"] * 2
    assert calls.begun == ["first", "second", "first"]


async def test_who_holds_it_and_who_waits_is_seen(fleet, calls):
    view = await fleet.set_limit("api", 2)
    assert (view.name, view.concurrency, view.held, view.waiting) == ("api", 2, 0, 0)
    runs = await started(fleet, "one", 5)
    await until_waiting(fleet, 3)
    await eventually(lambda: calls.running == 2)

    view = await fleet.limit("api")

    assert (view.held, view.waiting) == (2, 3)
    assert {one.run for one in view.holders} == set(calls.begun)
    waiting = next(run for run in runs if run not in calls.begun)
    [step] = (await fleet.why(waiting)).steps
    [reason] = step.reasons
    assert (reason.kind, reason.subjects) == ("limit", ("api",))
    assert "waits for limit 'api': 2 of 2 are at work, the first is a of run" in reason.text


async def test_a_limit_that_nobody_has_set_is_waited_for(fleet, calls):
    run = await fleet.start("one")
    await until_waiting(fleet, 1)
    [step] = (await fleet.why(run)).steps
    assert step.reasons[0].remedy == "flowworker limits set api --concurrency N"

    calls.may_end.set()
    await fleet.set_limit("api", 1)

    assert await ended(fleet, [run]) == ["COMPLETED"]


async def test_a_limit_is_changed_while_it_is_held_and_waited_for(fleet, calls):
    await fleet.set_limit("api", 3)
    runs = await started(fleet, "one", 6)
    await eventually(lambda: calls.running == 3)
    await until_waiting(fleet, 3)

    await fleet.set_limit("api", 4)
    await eventually(lambda: calls.running == 4)
    view = await fleet.set_limit("api", 1)
    assert (view.held, view.waiting) == (4, 2)

    calls.may_end.set()
    assert await ended(fleet, runs) == ["COMPLETED"] * 6
    await fleet.delete_limit("api")
    with pytest.raises(NotFound, match="no limit 'api' is set"):
        await fleet.limit("api")


async def test_instances_of_a_loop_under_a_limit_of_its_own(fleet, calls):
    run = await fleet.start("many", {"of": list(range(20))})
    await eventually(lambda: calls.running == 2)

    calls.may_end.set()

    assert await ended(fleet, [run]) == ["COMPLETED"]
    assert (len(calls.begun), calls.most) == (20, 2)


async def test_each_value_of_a_key_has_a_limit_of_its_own(fleet, calls):
    runs = [await fleet.start("keyed", {"key": key}) for key in (1, 1, "1", 2, 2)]
    await eventually(lambda: calls.running == 3)

    found = [one for one in await fleet.limits() if one.held]

    assert sorted(one.held for one in found) == [1, 1, 1, 3]
    calls.may_end.set()
    assert await ended(fleet, runs) == ["COMPLETED"] * 5
    await until_free(fleet)


async def test_a_step_under_several_limits_needs_all_of_them(fleet, calls):
    await fleet.set_limit("api", 2)
    await fleet.set_limit("other", 1)
    runs = await started(fleet, "both", 2)
    await until_waiting(fleet, 1, "other")
    assert (await fleet.limit("api")).held == 2

    calls.may_end.set()

    assert await ended(fleet, runs) == ["COMPLETED"] * 2
    assert calls.most == 1


async def test_fallbacks_and_compensations_fall_under_the_limits_of_their_step(fleet, calls):
    await fleet.set_limit("api", 1)
    calls.may_end.set()

    assert await ended(fleet, await started(fleet, "undone", 3)) == ["FAILED"] * 3
    assert (calls.most, len(calls.begun)) == (1, 12)
    await eventually_free(fleet)


async def test_a_cancelled_run_gives_up_what_it_holds_and_waits_for(fleet, calls):
    await fleet.set_limit("api", 1)
    holds, waits, last = await one_after_the_other(fleet, calls, 3)

    await fleet.cancel(waits)
    assert await ended(fleet, [waits]) == ["CANCELLED"]
    await fleet.terminate(holds)
    calls.may_end.set()

    assert await ended(fleet, [holds, last]) == ["CANCELLED", "COMPLETED"]
    await eventually_free(fleet)


async def test_a_paused_run_waits_in_no_line(fleet, calls):
    await fleet.set_limit("api", 1)
    _, paused, last = await one_after_the_other(fleet, calls, 3)
    await fleet.pause(paused)
    await until_waiting(fleet, 1)

    calls.may_end.set()
    assert await ended(fleet, [last]) == ["COMPLETED"]
    assert paused not in calls.begun
    await fleet.unpause(paused)
    assert await ended(fleet, [paused]) == ["COMPLETED"]


async def test_a_retry_holds_nothing_while_it_waits_for_its_time(fleet, calls):
    await fleet.set_limit("api", 1)
    calls.may_end.set()
    again = await fleet.start("again")
    await eventually(lambda: calls.begun == [again])
    await until_waiting(fleet, 1)
    await eventually_free(fleet, waiting=1)

    assert await ended(fleet, [await fleet.start("one")]) == ["COMPLETED"]
    assert await ended(fleet, [again]) == ["FAILED"]
    assert len(calls.begun) == 3


async def test_a_key_that_is_no_text_or_number_fails_the_attempt(fleet):
    result = await fleet.run("wrong", {"key": [1]}, timeout=WAIT_LIMIT)

    assert (
        "key of concurrency 1: expected a text, a number, true or false, found [1]" in result.error
    )


async def test_a_place_that_was_lost_is_found_by_a_sweep(fleet, backend, calls):
    # Given a coordinator that died before it gave back what a run held which is over
    await fleet.set_limit("api", 1)
    calls.may_end.set()
    first = await fleet.start("one")
    await ended(fleet, [first])
    await eventually_free(fleet)
    store = stores_of(backend).limits
    record, revision = await store.load(named_limit("api"))
    leaked = Holder(first, 1.0, "a", Attempt(Kind.RUN, 1, 1))
    await store.save(replace(record, holders=(leaked,)), revision)

    # Then who waits is let in all the same
    assert await ended(fleet, [await fleet.start("one")]) == ["COMPLETED"]


async def eventually_free(fleet: Client, waiting: int = 0) -> None:
    async def is_free() -> bool:
        view = await fleet.limit("api")
        return not view.held and view.waiting == waiting

    await eventually(is_free)
