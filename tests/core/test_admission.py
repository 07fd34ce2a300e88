"""Limits of runs: in which order they are taken, and who gives way to whom."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core.admission import (
    Admission,
    RateLimit,
    Singleton,
    SingletonMode,
    asking,
    giving_way,
    in_order,
    run_limit,
    ticket_at,
    waits_for,
)
from flowworker.core.limit import Strategy, Use
from flowworker.core.payload import EMPTY
from flowworker.core.rate import MAX_BURST, Rate
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus


def use(name, strategy=Strategy.QUEUE):
    return Use(name, 1, strategy=strategy)


def rate(name, strategy=Strategy.QUEUE):
    return Use(name, rate=Rate(1, 1.0), strategy=strategy)


def test_all_of_a_rate_limit_may_come_at_once_unless_it_says_how_many():
    assert RateLimit(5, 60.0).rate == Rate(5, 60.0, 5)
    assert RateLimit(50_000, 3_600.0).rate == Rate(50_000, 3_600.0, MAX_BURST)
    assert RateLimit(5, 60.0, 2, "input.k").rate == Rate(5, 60.0, 2)


def test_limits_that_refuse_are_taken_before_those_that_make_wait_and_keyed_ones_first():
    found = in_order(
        [
            (use("queue"), False, 0),
            (use("keyed"), True, 1),
            (use("skip", Strategy.SKIP), False, 2),
            (use("newest", Strategy.CANCEL_NEWEST), True, 3),
            (use("oldest", Strategy.CANCEL_OLDEST), True, 4),
            (use("later"), True, 5),
            (rate("often", Strategy.SKIP), True, 6),
            (rate("slow"), True, 7),
            (rate("shared"), False, 8),
        ]
    )

    names = ["skip", "often", "newest", "oldest", "keyed", "later", "slow", "queue", "shared"]
    assert [one.limit for one in found] == names


@pytest.mark.parametrize(
    ("strategy", "waits"),
    [
        (Strategy.QUEUE, True),
        (Strategy.CANCEL_OLDEST, True),
        (Strategy.CANCEL_NEWEST, False),
        (Strategy.SKIP, False),
    ],
)
def test_which_strategies_make_a_run_wait(strategy, waits):
    assert waits_for(strategy) is waits


@pytest.mark.parametrize(
    ("mode", "strategy"),
    [(SingletonMode.SKIP, Strategy.SKIP), (SingletonMode.CANCEL, Strategy.CANCEL_OLDEST)],
)
def test_a_singleton_is_a_limit_with_a_strategy(mode, strategy):
    assert Singleton(mode=mode).strategy is strategy


@pytest.mark.parametrize(
    ("tickets", "limit", "expected"),
    [
        ({}, 1, {}),
        ({"a": "1"}, 1, {}),
        ({"b": "2", "a": "1"}, 1, {"a": "b"}),
        ({"c": "3", "a": "1", "b": "2"}, 1, {"a": "b", "b": "c"}),
        ({"c": "3", "a": "1", "b": "2"}, 2, {"a": "c"}),
        ({"d": "4", "c": "3", "a": "1", "b": "2"}, 2, {"a": "c", "b": "d"}),
        ({"c": "3", "a": "1", "b": "2"}, 3, {}),
    ],
)
def test_the_newest_stay_and_each_of_the_others_gives_way_to_one(tickets, limit, expected):
    assert giving_way(tickets, limit) == expected


def test_a_limit_is_another_one_for_another_workflow_strategy_number_or_key():
    given = {("w", "queue", 0, "1"), ("v", "queue", 0, "1"), ("w", "skip", 0, "1")}
    given |= {("w", "queue", 1, "1"), ("w", "queue", 0, "2")}

    found = {run_limit(*one) for one in given}

    assert len(found) == len(given)
    assert all(one.startswith("run.") and len(one) == 36 for one in found)


def test_tickets_sort_by_time_and_then_by_number():
    tickets = [ticket_at(2.0, 1), ticket_at(2.0, 7), ticket_at(2.001, 0), ticket_at(1e9, 1_000_003)]

    assert tickets == sorted(tickets)
    assert tickets[-1] == "01000000000000-000003"


def test_a_run_is_early_while_it_asks_and_has_begun_when_it_is_let_in():
    record = RunRecord("r", "w", "d", RunStatus.PENDING, EMPTY, 1.0)
    to_ask = Admission((use("l"),))
    assert not replace(record, admission=to_ask).is_asking

    asks = replace(record, admission=asking(to_ask, 1.0))
    assert (asks.is_asking, asks.is_early, asks.has_begun) == (True, True, False)
    rerun = replace(asks, rerun_of="q")
    assert rerun.is_prepared
    assert not replace(rerun, admission=to_ask).is_prepared

    admitted = replace(asking(to_ask, 1.0), admitted=True)
    begun = replace(record, status=RunStatus.RUNNING, admission=admitted)
    assert (begun.is_asking, begun.is_early, begun.has_begun) == (False, False, True)


def test_a_run_that_is_turned_away_says_why():
    record = RunRecord("r", "w", "d", RunStatus.PENDING, EMPTY, 1.0)
    away = Admission((use("l"),), ticket_at(1.0, 0), refused="one too many")

    assert record.refused == ""
    assert replace(record, admission=away).refused == "one too many"
