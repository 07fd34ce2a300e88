"""Claims are renewed while their handlers run."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from flowworker.clock import SystemClock
from flowworker.core.status import Outcome
from flowworker.errors import Unavailable
from flowworker.settings import Settings
from tests.support.logs import ANY
from tests.support.waiting import eventually
from tests.worker.fleet import Fleet
from tests.worker.heartbeats import Link, beaten, run_until_renewed

pytestmark = pytest.mark.usefixtures("short_tick")


async def test_short_steps_cost_no_renewal_and_no_link(fleet, link, gate):
    await fleet.worker()
    await fleet.run("wait")
    await fleet.clock.advance(9.0)
    await beaten(fleet)
    gate.set()
    record = await fleet.ended()

    assert record.outcome is Outcome.COMPLETED
    assert (link.opened, link.writes, link.beats) == (0, 0, 0)


async def test_a_long_step_is_renewed_every_third_of_a_lease(fleet, link, gate):
    await fleet.worker()
    await fleet.run("wait")
    first = await fleet.record()

    async def is_renewed(times):
        await eventually(lambda: link.beats == times)

    for times in (1, 2, 3):
        await fleet.clock.advance(10.5)
        await is_renewed(times)
    second = await fleet.record()
    gate.set()
    record = await fleet.ended()

    assert second == replace(first, lease_until=second.lease_until)
    assert second.lease_until == first.lease_until + 31.5
    assert (link.opened, link.writes) == (1, 3)
    assert record.outcome is Outcome.COMPLETED
    event = (await fleet.history())[-1]
    assert event["data"]["revision"] == await fleet.revision()


async def test_the_memory_backends_own_link_renews(fleet, gate):
    await run_until_renewed(fleet)
    gate.set()
    record = await fleet.ended()
    assert record.outcome is Outcome.COMPLETED


@pytest.mark.parametrize("fault", ["before", Unavailable("x"), RuntimeError("odd"), "hang"])
async def test_a_renewal_that_fails_is_tried_again_over_a_new_link(settings, fault, logs):
    fleet = Fleet(Settings(lease=0.9), SystemClock())
    link = Link(fleet.backend.runs, [fault])
    fleet.rewire(open_heartbeat=link.open)
    gate = asyncio.Event()

    @fleet.app.step("wait")
    async def wait(ctx):
        await gate.wait()

    await fleet.worker()
    await fleet.run("wait")
    await eventually(lambda: link.writes >= 1)
    gate.set()
    record = await fleet.ended()

    assert record.outcome is Outcome.COMPLETED
    assert len(logs.having("warning", run=ANY, step=ANY, error=ANY)) == 1
    assert (link.opened, link.closed) == (2, 1)
    await fleet.close()
    assert link.closed == 2


async def test_a_link_that_cannot_be_opened_is_tried_again(fleet, link, gate):
    link.refused = 2
    await fleet.worker()
    await fleet.run("wait")
    await fleet.clock.advance(9.0)
    for _ in range(40):
        await fleet.clock.advance(0.5)
        await beaten(fleet)
        if link.writes:
            break
    await eventually(lambda: link.writes >= 1)
    gate.set()
    record = await fleet.ended()

    assert record.outcome is Outcome.COMPLETED
