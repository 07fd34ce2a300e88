"""Attempts that are over give places back, while the next facts of their run are followed."""

from __future__ import annotations

import pytest

from flowworker.errors import Conflict, Unavailable
from tests.coordinator.overlapping import RUN, SlowHands, SlowSlots, completed, following, runs_of

LATE = Conflict("past the attempt that asks")


@pytest.fixture
def hands():
    return SlowHands()


@pytest.fixture
def slots():
    return SlowSlots()


@pytest.fixture
async def runs(backend, hands, slots):
    runs = await runs_of(backend, hands, slots)
    hands.may.set()
    slots.used = True
    return runs


async def test_the_next_fact_waits_for_no_place_that_is_given_back(runs, slots):
    first = await following(runs, completed("a2"))

    assert not first.done()
    slots.may.set()
    assert await first


async def test_nothing_passes_what_changes_nothing_since_the_run_is_rebuilt_then(runs, slots):
    passed = []
    slots.may.set()
    assert await runs.follow(runs.get(RUN), completed("a2"), lambda: passed.append("new"))

    assert not await runs.follow(runs.get(RUN), completed("a2"), lambda: passed.append("old"))

    assert passed == ["new"]


async def test_after_a_conflict_beside_the_next_fact_the_event_has_to_come_again(runs, hands):
    hands.error = LATE

    first = await following(runs, completed("a1"))

    with pytest.raises(Unavailable, match="past the attempt"):
        await first
    assert runs.get(RUN) is None


async def test_so_it_has_after_one_over_a_place_that_is_given_back(runs, slots):
    slots.error = LATE
    slots.may.set()

    first = await following(runs, completed("a2"))

    with pytest.raises(Unavailable, match="past the attempt"):
        await first
    with pytest.raises(Conflict):  # it changes nothing, so nobody is beside it
        await runs.follow(runs.get(RUN), completed("a2"), lambda: None)
