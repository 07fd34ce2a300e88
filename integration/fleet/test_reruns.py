"""Reruns on a real fleet, whose coordinator is killed while it prepares one."""

from __future__ import annotations

import asyncio

import pytest

from flowworker import RunStatus, parse
from integration.fleet.fleet import Fleet
from tests.support.waiting import WAIT_LIMIT

RUN, AGAIN = "run-1", "run-2"
WIDTH = 400
WIDE = f"""
name: wide.rerun
steps:
{"".join(f"  - {{id: s{n}, uses: ok}}" + chr(10) for n in range(WIDTH))}
  - {{id: join, uses: ok, depends_on: [{", ".join(f"s{n}" for n in range(WIDTH))}]}}
  - {{id: last, uses: needs.permission, depends_on: [join]}}
"""


def permit(fleet: Fleet) -> None:
    """From now on the last step of the rerun does not fail."""
    (fleet.trace / f"{AGAIN}.permission").touch()


async def test_a_failed_run_is_retried_and_what_was_completed_is_not_executed(fleet: Fleet):
    await fleet.client.register(parse(WIDE))
    failed = await fleet.client.run("wide.rerun", run_id=RUN, timeout=WAIT_LIMIT)
    permit(fleet)

    await fleet.client.retry(RUN, new_id=AGAIN)
    result = await fleet.client.result(AGAIN, WAIT_LIMIT)

    assert (failed.status, result.status) == (RunStatus.FAILED, RunStatus.COMPLETED)
    assert fleet.count(AGAIN) == {"last": 1}
    assert (await fleet.client.status(AGAIN)).rerun_of == RUN


@pytest.mark.chaos
@pytest.mark.parametrize("copied", [0, 1, WIDTH // 2])
async def test_a_coordinator_killed_while_it_prepares_a_rerun_is_replaced(
    fleet: Fleet, copied: int
):
    # Given a rerun of which some steps are copied when the coordinator dies
    await fleet.client.register(parse(WIDE))
    await fleet.client.run("wide.rerun", run_id=RUN, timeout=WAIT_LIMIT)
    permit(fleet)
    coordinator = fleet.processes[0]
    await fleet.client.retry(RUN, new_id=AGAIN)
    records = fleet.client._stores.backend.runs

    async def has_begun() -> bool:
        found = await records.keys(f"step.*.{AGAIN}.>" if copied else f"run.{AGAIN}")
        return len(found) >= max(1, copied)

    async with asyncio.timeout(WAIT_LIMIT):
        while not await has_begun():  # without a pause: it takes a moment
            pass
    coordinator.kill()
    coordinator.wait()

    # When another one comes
    fleet.start("coordinator")
    result = await fleet.client.result(AGAIN, 2 * WAIT_LIMIT)

    # Then there is one run, which keeps all that was completed
    assert result.status is RunStatus.COMPLETED
    assert fleet.count(AGAIN) == {"last": 1}
    types = await fleet.types(AGAIN)
    assert (types[0], types[-1]) == ("started", "completed")
    assert types.count("step.kept") == WIDTH + 1
