"""What a limit remembers: who asks again that was let in, and when there is nothing to remember."""

from __future__ import annotations

import pytest

from flowworker.core.attempt import UNATTEMPTED, Attempt
from flowworker.core.limit import Holder, LimitRecord
from flowworker.core.limiting import Ask, follow
from flowworker.core.rate import Rate
from flowworker.core.status import Kind

NOW = 1000.0


def turn(given, asked):
    return follow(given, (), (), asked, NOW)


def test_a_run_that_a_rate_has_let_in_is_let_in_again_without_a_second_token():
    rate = Rate(1, 3600.0, 1)
    asks = [Ask(f"r{n}", "", UNATTEMPTED, None, rate, f"t{n}", waits=False) for n in range(2)]
    first = turn(LimitRecord("run.l"), asks[:1])
    assert (first.admitted, first.refused) == ((asks[0],), ())

    again = turn(first.record, asks)

    assert (again.admitted, again.refused) == ((asks[0],), (asks[1],))
    assert again.record == first.record
    of_later_id = turn(first.record, [asks[0]._replace(ticket="t9")])
    assert of_later_id.refused


def test_of_those_that_a_rate_has_let_in_the_last_ones_are_remembered():
    rate = Rate(1000, 1.0, 1000)
    asks = [Ask(f"r{n}", "", UNATTEMPTED, None, rate, f"t{n}") for n in range(100)]

    found = turn(LimitRecord("run.l"), asks).record

    assert len(found.lately) == 64
    assert turn(found, asks[-64:]).record == found
    assert turn(found, asks[:1]).record.passed == 101
    few = [ask._replace(rate=Rate(5, 3600.0, 5)) for ask in asks]
    for ask in few:
        found = follow(found, (), (), [ask], NOW + 3600.0 * int(ask.run[1:])).record
    assert len(found.lately) == 6


def test_no_attempt_of_a_step_is_remembered_by_a_rate_and_no_run_that_holds_a_place():
    rate = Rate(10, 1.0, 10)
    of_step = Ask("r", "s", Attempt(Kind.RUN, 1, 1), None, rate)
    assert turn(LimitRecord("own.l"), [of_step]).record.lately == ()
    both = Ask("r", "", UNATTEMPTED, 1, None, "t")
    assert turn(LimitRecord("run.l", rate=rate), [both]).record.lately == ()


@pytest.mark.parametrize(
    ("limit", "spent"),
    [
        (LimitRecord("own.d", concurrency=1), True),
        (LimitRecord("run.d", concurrency=1), True),
        (LimitRecord("run.d", concurrency=1, awaited=True), False),
        (LimitRecord("run.d", concurrency=1, holders=(Holder("r", 1.0),)), False),
        (LimitRecord("own.d", rate=Rate(1, 1.0), tat=400_000_000), True),
        (LimitRecord("own.d", rate=Rate(1, 1.0), tat=400_000_001), False),
        (LimitRecord("named.d", concurrency=1), False),
        (LimitRecord("fair.normal-default"), False),
    ],
)
def test_which_records_are_of_no_use(limit, spent):
    assert limit.is_spent(1000.0) is spent


def test_what_was_forgotten_lets_one_in_who_says_how_many():
    assert LimitRecord("own.d").room(NOW) == LimitRecord("run.d").room(NOW) == 1
    assert LimitRecord("named.l").room(NOW) == 0

    asks = [Ask(f"r{n}", "s", Attempt(Kind.RUN, 1, 1), 2) for n in range(3)]
    found = turn(LimitRecord("own.d"), asks)
    assert (found.admitted, found.waiting) == ((asks[0], asks[1]), (asks[2],))
