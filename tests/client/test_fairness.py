"""Steps that take shares of their queue, in whole fleets of one process: whose turn it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from flowworker import parse
from flowworker.client import Client
from flowworker.core.fairness import gate_of
from flowworker.core.status import Priority
from flowworker.errors import InvalidInput
from flowworker.ports import Backend
from tests.client.limited import Calls, ended, fleet_of, until_free, until_waiting
from tests.support.waiting import WAIT_LIMIT, eventually

GATE = gate_of("default", Priority.NORMAL)
WIDTH = 16
"""Attempts that get into the lane of a queue of which no worker says how many slots it has."""

_FLOWS = (
    """
name: shared
steps:
  - id: a
    uses: call
    fairness: {key: input.tenant, weight: input.weight}
""",
    """
name: loop
steps:
  - id: a
    uses: call
    for_each: {items: input.of, tolerated_failures: 0}
    fairness: {key: "'loop'"}
""",
    """
name: again
steps:
  - id: a
    uses: fail
    retry: {max_attempts: 2, interval: 200ms}
    fallback: call
    fairness: {key: input.tenant}
""",
    """
name: urgent
steps:
  - {id: a, uses: call, priority: high, limits: [api], fairness: {key: 1}}
""",
)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest_asyncio.fixture
async def fleet(
    client: Client, backend: Backend, coordinator: None, calls: Calls
) -> AsyncIterator[Client]:
    async with fleet_of(client, backend, calls, map(parse, _FLOWS), slots=1) as made:
        yield made


async def started(fleet: Client, tenant: str, count: int, weight: object = 1) -> list[str]:
    given = {"tenant": tenant, "weight": weight}
    return [await fleet.start("shared", given, run_id=f"{tenant}-{n}") for n in range(count)]


async def test_a_tenant_with_many_steps_does_not_delay_one_with_a_single_one(fleet, calls):
    many = await started(fleet, "many", WIDTH + 20)
    await until_waiting(fleet, 20, GATE)
    [one] = await started(fleet, "one", 1)
    await until_waiting(fleet, 21, GATE)

    # Then it is seen that it comes next
    assert (await fleet.limit(GATE)).held == WIDTH
    [step] = (await fleet.why(one)).steps
    assert step.reasons[0].text == "waits for its turn in queue 'default': 16 are at work or next"
    *_, last = [at for at in (await fleet.limit_waiting(GATE)).waiting if at.run != one]
    [step] = (await fleet.why(last.run)).steps
    assert "; 20 come before it, by the shares of their keys" in step.reasons[0].text

    calls.may_end.set()
    assert await ended(fleet, [one, *many]) == ["COMPLETED"] * (WIDTH + 21)
    assert calls.begun.index(one) == WIDTH
    await until_free(fleet)


async def test_a_weight_is_so_many_turns(fleet, calls):
    await started(fleet, "first", WIDTH)
    await eventually_held(fleet, WIDTH)
    gold = await started(fleet, "gold", 12, 3)
    tin = await started(fleet, "tin", 12, 1.0)
    await until_waiting(fleet, 24, GATE)

    calls.may_end.set()
    await ended(fleet, [*gold, *tin])

    order = [run.partition("-")[0] for run in calls.begun[WIDTH:]]
    assert Counter(order[:16]) == {"gold": 12, "tin": 4}


async def test_a_large_loop_keeps_its_lane_and_leaves_others_their_share(fleet, calls):
    loop = await fleet.start("loop", {"of": list(range(150))})
    await until_waiting(fleet, 150 - WIDTH, GATE)
    [one] = await started(fleet, "one", 1)
    await until_waiting(fleet, 151 - WIDTH, GATE)

    calls.may_end.set()

    assert await ended(fleet, [one, loop]) == ["COMPLETED"] * 2
    assert calls.begun.index(one) == WIDTH


async def test_a_retry_and_a_fallback_ask_anew(fleet, calls):
    calls.may_end.set()

    assert await ended(fleet, [await fleet.start("again", {"tenant": "a"})]) == ["COMPLETED"]
    assert len(calls.begun) == 3
    await eventually_held(fleet, 0)


async def test_each_lane_has_turns_of_its_own_behind_all_other_limits(fleet, calls):
    run = await fleet.start("urgent")
    await until_waiting(fleet, 1)
    await fleet.set_limit("api", 1)

    high = gate_of("default", Priority.HIGH)
    await eventually_held(fleet, 1, high)
    assert (await fleet.limit("api")).held == 1
    calls.may_end.set()
    assert await ended(fleet, [run]) == ["COMPLETED"]
    await eventually_held(fleet, 0, high)
    await eventually_held(fleet, 0, "named.api")


@pytest.mark.parametrize(
    ("tenant", "weight", "problem"),
    [
        ([1], 1, "key of fairness: expected a text, a number, true or false, found [1]"),
        (None, 1, "key of fairness: expected a text, a number, true or false, found None"),
        ("a", 0, "weight of fairness: expected a number from 0.001 to 1000, found 0"),
        ("a", -1.5, "weight of fairness: expected a number from 0.001 to 1000, found -1.5"),
        ("a", 1001, "weight of fairness: expected a number from 0.001 to 1000, found 1001"),
        ("a", "2", "weight of fairness: expected a number from 0.001 to 1000, found '2'"),
        ("a", True, "weight of fairness: expected a number from 0.001 to 1000, found True"),
    ],
)
async def test_what_is_no_share_fails_the_attempt(fleet, tenant, weight, problem):
    given = {"tenant": tenant, "weight": weight}

    result = await fleet.run("shared", given, timeout=WAIT_LIMIT)

    assert problem in result.error


async def test_nobody_sets_it(fleet):
    with pytest.raises(InvalidInput, match="expected the name of a limit"):
        await fleet.set_limit(GATE, 5)


async def eventually_held(fleet: Client, count: int, limit: str = GATE) -> None:
    async def is_held() -> bool:
        record, _ = await fleet._stores.limits.load(limit)
        return len(record.holders) == count

    await eventually(is_held)
