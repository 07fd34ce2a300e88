"""Who is let in under a limit: one rule, one test."""

from __future__ import annotations

from flowworker.core.attempt import Attempt
from flowworker.core.limit import Holder, LimitRecord, name_of, named_limit, own_limit
from flowworker.core.limiting import Ask, Over, follow
from flowworker.core.status import Kind

NOW = 1000.0


def attempt(number):
    return Attempt(Kind.RUN, 1, number)


def ask(run, number=1, concurrency=None):
    return Ask(run, "s", attempt(number), concurrency)


def over(run, number=1):
    return Over(run, "s", attempt(number))


def record(concurrency, *runs, number=1):
    holders = tuple(Holder(run, "s", attempt(number), 1.0) for run in runs)
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
        Holder("a", "s", attempt(1), NOW),
        Holder("b", "s", attempt(1), NOW),
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


def test_only_what_is_over_is_given_back():
    given = record(3, "a", "b", number=2)

    assert turn(given, gone=[over("a", 1), over("c", 2)]).record == given
    assert held(turn(given, gone=[over("a", 2)])) == ["b"]
    assert held(turn(given, gone=[over("a", 3)])) == ["b"]


def test_a_limit_that_was_lowered_lets_nobody_in_before_fewer_hold_it():
    given = record(1, "a", "b", "c")
    assert given.room == -2

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
    }
    assert len({one, *others, own_limit("v", "s", 0, '"ada"')}) == 5
