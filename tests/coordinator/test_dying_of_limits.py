"""Coordinators that die while they let runs in: what was let in is, and takes its place once."""

from __future__ import annotations

import pytest

from flowworker import parse
from tests.coordinator.resting import RUN, World
from tests.support.mortal import Life

NAP = "steps: [{id: nap, sleep: 1s}]"


@pytest.mark.parametrize("limit", ["rate_limit", "throttle"])
async def test_a_run_that_a_rate_has_let_in_takes_one_token_whenever_its_coordinator_dies(limit):
    text = f"{{name: few, {limit}: {{limit: 1, period: 1h, burst: 1}}, {NAP}}}"
    changes, ended = 0, False
    while not ended:
        async with World() as world:
            await world.client.register(parse(text))
            life = Life(changes)
            first = await world.dying(life)
            await world.client.start("few", run_id=RUN)
            await world.pass_by(3.0)
            ended = not life.ended
            await first.stop()

            await world.coordinator()
            await world.pass_by(120.0)

            assert (await world.client.status(RUN)).status == "COMPLETED", changes
            [limited] = await world.stores.limits.all()
            assert (await world.stores.limits.load(limited))[0].passed == 1, changes
            changes += 1
    assert changes > 5
