"""A large run leaves the lane of its priority to others, but for a hundred steps or so."""

from __future__ import annotations

import pytest

from flowworker.core.ids import instance_id
from flowworker.core.lane import lane_of, lanes_of
from flowworker.core.status import Priority


def lanes(priority: Priority, count: int) -> list[Priority]:
    """Of as many instances of a loop that are in flight together."""
    return [lane_of(priority, instance_id("each", one), count) for one in range(count)]


@pytest.mark.parametrize("count", [1, 10, 99])
def test_a_small_run_keeps_its_lane(count):
    assert set(lanes(Priority.NORMAL, count)) == {Priority.NORMAL}


@pytest.mark.parametrize("count", [150, 1_000, 10_000])
def test_about_a_hundred_steps_of_a_large_one_keep_it(count):
    kept = lanes(Priority.NORMAL, count).count(Priority.NORMAL)

    assert 50 <= kept <= 150
    assert set(lanes(Priority.NORMAL, count)) == {Priority.NORMAL, Priority.LOW}


@pytest.mark.parametrize("priority", [Priority.HIGH, Priority.LOW])
def test_another_priority_than_the_usual_one_means_what_it_says(priority):
    assert set(lanes(priority, 1_000)) == {priority}


@pytest.mark.parametrize("priority", Priority)
def test_a_step_is_in_one_of_the_lanes_that_are_looked_at(priority):
    assert set(lanes(priority, 1_000)) == set(lanes_of(priority))
