"""A backlog, and a coordinator that is killed beside it: the short form of `bench.backlog`."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.backlog import flood, takeover

pytestmark = [pytest.mark.chaos]

RUNS = 300


async def test_of_a_flood_of_starts_all_end_though_a_coordinator_is_killed():
    ended = await flood(RUNS)

    assert +ended == Counter({"COMPLETED": RUNS})


async def test_runs_that_wait_do_not_cost_a_takeover_more_than_some_requests():
    # Given a takeover beside many runs that wait for a worker, and retained ones
    rows = await takeover(RUNS, 50, 0.5)

    # Then each of them costs a rebuild at most, and the small runs end meanwhile
    assert len(rows) == 3
    assert rows[1].requests + rows[2].requests < 20 * RUNS
