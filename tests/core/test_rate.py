"""How often something may happen: one rule, one test; and the promise over any window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowworker.core.rate import (
    MAX_RATE,
    Rate,
    available,
    carried,
    microseconds,
    next_at,
    parse_rate,
    problem_of,
    taken,
)
from flowworker.errors import InvalidInput

NOW = microseconds(1_900_000_000.25)
SECOND = 1_000_000
TEN = Rate(10, 1.0, 3)
"""Ten a second, three at once."""


def test_so_many_go_at_once_and_then_one_at_each_interval():
    tat = taken(TEN, 0, NOW, 3)
    assert available(TEN, 0, NOW) == 3
    assert available(TEN, tat, NOW) == 0
    assert [available(TEN, tat, NOW + after) for after in (99_999, 100_000, 200_000)] == [0, 1, 2]
    assert next_at(TEN, tat) == (NOW + 100_000) / SECOND


def test_who_came_rarely_may_go_as_often_at_once_as_at_the_beginning_and_no_more():
    tat = taken(TEN, 0, NOW, 3)
    assert available(TEN, tat, NOW + 3_600 * SECOND) == 3


def test_each_that_goes_leaves_room_for_one_less():
    tat = taken(TEN, 0, NOW, 1)
    for left in (2, 1, 0):
        assert available(TEN, tat, NOW) == left
        tat = taken(TEN, tat, NOW, 1)
    assert available(TEN, tat, NOW) == 0


def test_more_than_a_burst_has_gone_where_a_clock_was_ahead():
    assert available(TEN, NOW + 60 * SECOND, NOW) == 0


@pytest.mark.parametrize(
    ("rate", "at_once"),
    [
        (Rate(1, 1.0), 1),
        (Rate(100, 1.0), 10),
        (Rate(30, 1.0), 3),
        (Rate(600, 60.0), 1),
        (Rate(5, 1.0, 7), 7),
    ],
)
def test_what_may_go_at_once_if_nothing_is_said_is_that_of_a_tenth_of_a_second(rate, at_once):
    assert rate.at_once == at_once


def test_an_interval_is_rounded_up():
    assert Rate(3, 1.0).interval == 333_334
    assert Rate(1_000, 1.0).interval == 1_000


def test_under_another_rate_as_many_have_gone():
    tat = taken(TEN, 0, NOW, 3)
    slow = Rate(1, 1.0, 3)
    assert carried(tat, TEN, slow, NOW) == NOW + 3 * SECOND
    assert carried(0, TEN, slow, NOW) == NOW


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/s", Rate(100, 1.0)),
        ("5/m", Rate(5, 60.0)),
        ("5000/h", Rate(5_000, 3_600.0)),
        ("1/d", Rate(1, 86_400.0)),
    ],
)
def test_how_rates_are_written(text, rate):
    assert parse_rate(text) == rate
    assert str(rate) == text


def test_one_with_another_period_is_said_in_words():
    assert str(Rate(5, 90.0, 2)) == "5 per 90 s"


@pytest.mark.parametrize(
    ("rate", "problem"),
    [
        (Rate(0, 1.0), "expected 1 or more in each period, found 0"),
        (Rate(1, 0.0), "expected a period above 0, of at most 1000 days, found 0 s"),
        (Rate(1, 1e9), "expected a period above 0, of at most 1000 days, found 1e+09 s"),
        (Rate(1_001, 1.0), "expected at most 1,000 in a second, found 1,001"),
        (Rate(1, 1.0, 10_001), "expected a burst from 1 to 10,000, found 10001"),
        (Rate(1, 1.0, -1), "expected a burst from 1 to 10,000, found -1"),
        (Rate(MAX_RATE, 1.0, 10_000), ""),
    ],
)
def test_what_cannot_be_kept_to(rate, problem):
    assert problem_of(rate) == problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("100", "expected a rate such as 100/s, 5000/h: how many per s, m, h or d, found '100'"),
        ("100/w", "how many per s, m, h or d"),
        ("0/s", "rate 0/s: expected 1 or more"),
        ("2000/s", "rate 2000/s: expected at most 1,000 in a second"),
    ],
)
def test_what_is_no_rate(text, said):
    with pytest.raises(InvalidInput, match=said):
        parse_rate(text)


RATES = st.builds(
    Rate,
    st.integers(1, 1_000),
    st.floats(1.0, 100.0),
    st.integers(1, 20),
)


@given(RATES, st.lists(st.floats(-0.5, 2.0), max_size=80))
def test_over_any_window_no_more_go_than_a_burst_and_the_rate(rate, steps):
    """By whatever clocks: of two that differ, by what these say."""
    tat, now, gone = 0, NOW, []
    for step in steps:
        now += int(step * rate.interval)  # a step back is another one's clock
        if available(rate, tat, now):
            tat = taken(rate, tat, now, 1)
            gone.append(now)
    for first, began in enumerate(gone):
        for last in range(first, len(gone)):
            window = gone[last] - began
            count = last - first + 1
            assert count <= rate.at_once + window * rate.limit / microseconds(rate.period) + 1e-9


@given(RATES, st.lists(st.tuples(st.floats(0.0, 3.0), st.booleans()), max_size=80))
def test_nobody_waits_past_the_moment_that_is_said(rate, steps):
    tat, now = 0, NOW
    for step, goes in steps:
        now += int(step * rate.interval)
        opens = max(now, round(next_at(rate, tat) * SECOND))
        assert available(rate, tat, opens + 1)
        if opens > now:
            assert not available(rate, tat, now)
        if goes and available(rate, tat, now):
            tat = taken(rate, tat, now, 1)


@given(RATES, RATES, st.integers(0, 20), st.floats(0.0, 1.0))
def test_who_changes_the_rate_there_and_back_wins_nothing(one, other, count, passed):
    tat = taken(one, 0, NOW, min(count, one.at_once))
    now = NOW + int(passed * one.interval)
    back = carried(carried(tat, one, other, now), other, one, now)
    assert available(one, back, now) <= available(one, tat, now)
