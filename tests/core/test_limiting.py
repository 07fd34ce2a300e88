"""Who is let in under a limit: one rule, one test."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core.attempt import UNATTEMPTED, Attempt
from flowworker.core.limit import (
    THROTTLE,
    Holder,
    LimitRecord,
    Throttle,
    name_of,
    named_limit,
    own_limit,
)
from flowworker.core.limiting import Ask, Over, follow, is_blind, set_to
from flowworker.core.rate import Rate, microseconds
from flowworker.core.status import Kind

NOW = 1000.0


def attempt(number):
    return Attempt(Kind.RUN, 1, number)


def ask(run, number=1, concurrency=None):
    return Ask(run, "s", attempt(number), concurrency)


def over(run, number=1):
    return Over(run, "s", attempt(number))


def record(concurrency, *runs, number=1):
    holders = tuple(Holder(run, 1.0, "s", attempt(number)) for run in runs)
    return LimitRecord("named.l", concurrency=concurrency, holders=holders)


def turn(given, *, gone=(), waiting=(), asked=()):
    return follow(given, gone, waiting, asked, NOW)


def held(found):
    return [one.run for one in found.record.holders]


def test_as_many_are_let_in_as_there_is_room_for_and_the_others_wait():
    a, b, c = map(ask, "abc")

    found = turn(record(2), asked=(a, b, c))

    assert (found.admitted, found.waiting, found.late) == ((a, b), (c,), ())
    assert found.record.holders == (
        Holder("a", NOW, "s", attempt(1)),
        Holder("b", NOW, "s", attempt(1)),
    )


def test_who_waits_goes_before_who_has_come_and_nobody_passes_them():
    found = turn(
        record(2, "a", "b"), gone=[over("a")], waiting=[ask("c"), ask("d")], asked=[ask("e")]
    )

    assert held(found) == ["b", "c"]
    assert found.waiting == (ask("d"), ask("e"))


def test_while_somebody_waits_nobody_who_comes_later_is_let_in():
    # Given an own limit, of which the one that waits longest says less than the record
    waiting, asked = [ask("b", concurrency=1)], [ask("c", concurrency=1)]
    assert turn(record(2, "a"), waiting=waiting, asked=asked).admitted == ()


def test_who_holds_it_and_asks_again_goes_on_as_the_same():
    given = record(1, "a")

    found = turn(given, asked=[ask("a")])

    assert (found.record, found.admitted) == (given, (ask("a"),))


def test_the_next_attempt_of_a_step_has_to_wait_as_any_other():
    found = turn(record(1, "a"), waiting=[ask("b")], asked=[ask("a", 2)])

    assert (held(found), found.waiting) == (["b"], (ask("a", 2),))


def test_an_attempt_that_is_past_is_late():
    given = record(2, "a", number=2)

    found = turn(given, asked=[ask("a", 1)])

    assert (found.record, found.late, found.admitted) == (given, (ask("a", 1),), ())


@pytest.mark.parametrize("numbers", [(1, 2), (2, 1)])
def test_of_two_attempts_of_a_step_that_ask_at_once_the_former_is_past(numbers):
    # Else the former would hold the limit for the later one
    asks = [ask("a", number) for number in numbers]

    found = turn(record(1, "a", number=1), asked=asks)

    assert (found.admitted, found.late) == ((ask("a", 2),), (ask("a", 1),))
    assert [one.attempt for one in found.record.holders] == [attempt(2)]


def test_only_what_is_over_is_given_back():
    given = record(3, "a", "b", number=2)

    assert turn(given, gone=[over("a", 1), over("c", 2)]).record == given
    assert held(turn(given, gone=[over("a", 2)])) == ["b"]
    assert held(turn(given, gone=[over("a", 3)])) == ["b"]


def test_a_limit_that_was_lowered_lets_nobody_in_before_fewer_hold_it():
    given = record(1, "a", "b", "c")
    assert given.room(NOW) == -2

    assert held(turn(given, gone=[over("a"), over("b")], waiting=[ask("d")])) == ["c"]
    assert held(turn(given, gone=map(over, "abc"), waiting=[ask("d")])) == ["d"]


def test_nobody_is_let_in_where_nobody_has_said_how_many():
    assert turn(record(0), asked=[ask("a")]).waiting == (ask("a"),)


def test_a_limit_of_a_steps_own_allows_what_the_last_one_who_asked_says():
    found = turn(record(0), asked=[ask("a", concurrency=2), ask("b", concurrency=2)])

    assert (found.record.concurrency, held(found)) == (2, ["a", "b"])
    assert turn(found.record, asked=[ask("c", concurrency=1)]).record.concurrency == 1


def test_ids():
    assert name_of(named_limit("stripe-api")) == "stripe-api"
    one = own_limit("w", "s", 0, '"ada"')
    assert name_of(one) == ""
    others = {
        own_limit("w", "s", 0, '"bob"'),
        own_limit("w", "s", 1, '"ada"'),
        own_limit("w", "t", 0, '"ada"'),
        own_limit("w", "s", THROTTLE, '"ada"'),
    }
    assert len({one, *others, own_limit("v", "s", 0, '"ada"')}) == 6


def test_a_throttle_has_a_rate():
    assert Throttle(5, 60.0, 2, "input.k").rate == Rate(5, 60.0, 2)


SLOW = Rate(1, 10.0, 2)
"""One in ten seconds, two at once."""


def rated(rate=SLOW, concurrency=0, *runs, tat=0):
    return replace(record(concurrency, *runs), rate=rate, tat=tat)


def at(seconds):
    return microseconds(NOW + seconds)


def test_a_rate_lets_in_a_burst_and_names_nobody():
    a, b, c = map(ask, "abc")

    found = turn(rated(), asked=(a, b, c))

    assert (found.admitted, found.waiting) == ((a, b), (c,))
    assert (found.record.holders, found.record.passed) == ((), 2)
    assert found.record.tat == at(20)
    assert found.record.opens_at(NOW) == NOW + 10


def test_who_waits_goes_when_the_rate_lets_in_the_next_one():
    given = rated(tat=at(20))

    early = follow(given, (), [ask("c")], [ask("d")], NOW + 9.9)
    found = follow(given, (), [ask("c")], [ask("d")], NOW + 10)

    assert (early.admitted, early.record) == ((), given)
    assert (found.admitted, found.waiting) == ((ask("c"),), (ask("d"),))


def test_both_a_place_and_the_rate_are_needed():
    full, late = rated(SLOW, 1, "a"), rated(SLOW, 2, "a", tat=at(20))

    assert turn(full, asked=[ask("b")]).waiting == (ask("b"),)
    assert full.opens_at(NOW) == 0.0  # it is no matter of time
    assert turn(late, asked=[ask("b")]).waiting == (ask("b"),)
    found = turn(rated(SLOW, 2, "a"), asked=[ask("b")])
    assert (held(found), found.record.passed) == (["a", "b"], 1)
    assert found.record.opens_at(NOW) == 0.0
    assert rated(SLOW, 2, "a").opens_at(NOW) == NOW


def test_who_holds_it_and_asks_again_costs_the_rate_nothing():
    given = rated(SLOW, 1, "a", tat=at(20))

    assert turn(given, asked=[ask("a")]).record == given


def test_the_rate_of_a_throttle_is_what_the_last_one_who_asked_says():
    a, b = Ask("a", "s", attempt(1), rate=SLOW), Ask("b", "s", attempt(1), rate=SLOW)
    found = turn(record(0), asked=[a, b])
    assert (found.admitted, found.record.rate) == ((a, b), SLOW)

    # Then under another one as many have gone
    faster = Rate(1, 5.0, 2)
    found = turn(found.record, asked=[a._replace(rate=faster)])
    assert (found.admitted, found.record.rate, found.record.tat) == ((), faster, at(10))


def test_what_operators_say_holds_from_then_on():
    rate = set_to(record(2, "a"), 0, SLOW, "1", NOW)
    assert (rate.concurrency, rate.rate, rate.tat, rate.last) == (0, SLOW, 0, "1")
    assert rate.is_set
    assert rate.places is None

    # Under a rate that is lower, no more count as gone than its burst
    after = set_to(replace(rate, tat=at(20)), 3, Rate(1, 60.0), "2", NOW)
    assert (after.concurrency, after.tat) == (3, at(60))
    after = set_to(replace(rate, tat=at(20)), 0, Rate(10, 10.0, 5), "2", NOW)
    assert after.tat == at(2)

    # And one that is set anew begins anew
    assert set_to(replace(rate, tat=at(20)), 1, None, "3", NOW).tat == 0


def test_a_record_that_says_nothing_lets_in_nobody():
    assert not record(0).is_set
    assert (record(0).room(NOW), record(0).places, record(0).opens_at(NOW)) == (0, 0, 0.0)


def as_a_whole(run, ticket="1", *, waits=True):
    return Ask(run, "", UNATTEMPTED, None, None, ticket, waits)


def test_a_run_is_named_with_its_ticket_and_given_back_by_that():
    found = turn(record(1), asked=[as_a_whole("a")])

    assert found.record.holders == (Holder("a", NOW, ticket="1"),)
    assert held(turn(found.record, gone=[Over("a", "", UNATTEMPTED, "0")])) == ["a"]
    assert held(turn(found.record, gone=[Over("a", "", UNATTEMPTED, "1")])) == []


def test_a_later_run_of_the_same_id_takes_the_place_of_the_former_one():
    before = turn(record(1), asked=[as_a_whole("a")]).record

    found = turn(before, asked=[as_a_whole("a", "2")])

    assert found.record.holders == (Holder("a", NOW, ticket="2"),)


def test_who_does_not_wait_is_refused_if_there_is_no_place():
    ask_, other = as_a_whole("b", waits=False), as_a_whole("c", waits=False)

    found = turn(record(1), asked=[ask_, other])

    assert (found.admitted, found.refused, found.waiting) == ((ask_,), (other,), ())


def test_who_may_have_to_go_first_is_to_be_known_if_anybody_is_let_in():
    full, free = (replace(record(n, "a", "b"), awaited=True) for n in (2, 3))
    assert not is_blind(full, [], [], [ask("c")], NOW)
    assert is_blind(full, [over("a")], [], [], NOW)
    assert not is_blind(full, [over("a")], [ask("c")], [ask("d")], NOW)
    assert is_blind(full, [], [], [ask("a", 2)], NOW)
    assert is_blind(free, [], [], [ask("c")], NOW)
    assert not is_blind(replace(free, awaited=False), [], [], [ask("c")], NOW)


def test_that_somebody_waits_is_taken_back_when_all_who_do_are_let_in():
    given, waiting = replace(record(1, "a"), awaited=True), [ask("b")]
    gone = [over("a")]

    found = follow(given, gone, waiting, [], NOW, all_known=True)
    assert (found.cleared, found.record.awaited) == (True, False)

    for known in (turn(given, gone=gone, waiting=waiting), turn(given, waiting=waiting)):
        assert (known.cleared, known.record.awaited) == (False, True)
    found = follow(given, gone, waiting, [ask("c")], NOW, all_known=True)
    assert (found.cleared, found.record.awaited, found.waiting) == (False, True, (ask("c"),))


def test_a_run_that_asks_twice_at_the_same_time_takes_one_place_and_is_let_in_both_times():
    paced = LimitRecord("run.l", rate=Rate(1, 5.0))
    run = ask("a")._replace(ticket="1-a", waits=False)

    found = turn(paced, asked=(run, run))

    assert (found.admitted, found.refused, found.record.passed) == ((run,), (), 1)
