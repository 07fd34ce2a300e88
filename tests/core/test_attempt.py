"""The identity of an attempt, and the order in which attempts may happen."""

from __future__ import annotations

import itertools

import pytest

from flowworker.core.attempt import UNATTEMPTED, Attempt
from flowworker.core.status import Kind

IN_ORDER = [
    UNATTEMPTED,
    Attempt(Kind.RUN, 1, 1),
    Attempt(Kind.RUN, 1, 2),
    Attempt(Kind.FALLBACK, 1, 1),
    Attempt(Kind.RUN, 2, 1),
    Attempt(Kind.FALLBACK, 2, 1),
    Attempt(Kind.COMPENSATE, 1, 1),
    Attempt(Kind.COMPENSATE, 1, 2),
]


@pytest.mark.parametrize(("before", "after"), list(itertools.combinations(IN_ORDER, 2)))
def test_attempts_are_ordered_as_they_may_happen(before, after):
    assert before < after
    assert before <= after
    assert after > before
    assert after >= before
    assert [after < before, after <= before, before > after, before >= after] == [False] * 4


@pytest.mark.parametrize("attempt", IN_ORDER)
def test_equal_attempts_are_one(attempt):
    same = Attempt(attempt.kind, attempt.turn, attempt.number)

    assert {attempt, same} == {attempt}
    assert attempt <= same <= attempt


def test_the_next_one_is_of_the_same_kind_and_turn():
    assert Attempt(Kind.FALLBACK, 2, 1).next == Attempt(Kind.FALLBACK, 2, 2)


def test_it_stands_in_keys_as_one_word():
    assert str(Attempt(Kind.COMPENSATE, 1, 3)) == "compensate/1.3"


def test_only_a_repetition_is_in_the_text():
    assert str(Attempt(Kind.RUN, 2, 3)) == "run/2.3"
    assert str(Attempt(Kind.RUN, 2, 3, 4)) == "run/2.4.3"
