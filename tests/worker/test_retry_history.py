"""What claims carry on from attempt to attempt, for the rules of a retry."""

from __future__ import annotations

import pytest

from flowworker.core.status import Outcome
from tests.worker.fleet import running


@pytest.mark.parametrize("since", [None, 0.0, 17.5])
async def test_a_claim_writes_down_since_when_it_is_tried_if_it_is_asked(fleet, since):
    @fleet.app.step("fail")
    async def fail(ctx):
        raise ValueError("no")

    await fleet.worker()
    begun = fleet.clock.now()

    await fleet.run("fail", since=since, spent=(0, 2))

    record = await fleet.ended()
    assert record.outcome is Outcome.FAILED
    assert record.since == {None: 0.0, 0.0: begun}.get(since, since)
    assert record.spent == (0, 2)
    event = (await fleet.history())[-1]
    assert event["data"].get("since", 0.0) == record.since
    assert event["data"]["spent"] == [0, 2]


async def test_a_takeover_keeps_since_when_it_is_tried(fleet, calls):
    await fleet.write(running(fleet.clock, lease=-1.0, since=17.5))
    await fleet.worker()

    await fleet.run("count", since=0.0)

    assert (await fleet.ended()).since == 17.5
    assert calls == [("s", 1)]
