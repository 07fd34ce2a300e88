"""Whose turn it is: one rule, one test, and what holds over any backlog."""

from __future__ import annotations

from collections import Counter, deque
from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from flowworker.core import fairness
from flowworker.core.attempt import Attempt
from flowworker.core.fairness import (
    Share,
    Turns,
    after,
    gate_of,
    in_turn,
    is_gate,
    queue_of_gate,
    share_of,
)
from flowworker.core.limit import LimitRecord
from flowworker.core.limiting import Ask, follow
from flowworker.core.status import Kind, Priority

ONE = 100_000
"""The stride of weight 1."""


def order_of(turns: Turns, *waiting: Share) -> list[str]:
    return [share.key for share in in_turn(turns, waiting, lambda one: one)]


def shares(text: str) -> list[Share]:
    return [Share(key, ONE) for key in text]


def test_keys_take_turns_and_those_of_one_key_go_as_they_have_come():
    waiting = [(Share(key, ONE), number) for number, key in enumerate("aaaabbc")]

    found = [*in_turn(Turns(), waiting, lambda one: one[0])]

    assert [share.key + str(number) for share, number in found] == [
        *("a0", "b4", "c6", "a1", "b5", "a2", "a3")
    ]


def test_a_key_that_comes_new_waits_for_one_of_each_other_key_at_most():
    turns = after(Turns(), shares("ababababa"))

    assert order_of(turns, *shares("aaabbbc")) == [*"bcababa"]


def test_a_weight_is_so_many_turns():
    heavy, light = share_of('"a"', 3), share_of('"b"', 1)

    found = order_of(Turns(), *[heavy] * 6, *[light] * 6)[:8]

    assert Counter(found) == {heavy.key: 6, light.key: 2}


def test_what_a_key_got_while_nobody_else_waited_counts_for_nothing():
    turns = after(Turns(), shares("a" * 500))

    assert order_of(turns, *shares("aabb")) == [*"baba"]


def test_a_key_that_waits_no_more_may_still_be_ahead():
    """Else one of which one waits at each moment had all turns."""
    turns = after(Turns(), shares("ba"))

    assert order_of(turns, *shares("ba")) == [*"ba"]
    assert order_of(after(turns, shares("a")), *shares("ab")) == [*"ba"]


def test_what_needs_no_memory_is_forgotten():
    turns = after(Turns(), shares("ab"))
    assert turns == Turns(0, {"a": ONE, "b": ONE})

    assert after(turns, shares("cc")) == Turns(ONE, {"c": 2 * ONE})


def test_if_there_are_too_many_keys_the_scale_moves_on(monkeypatch):
    monkeypatch.setattr(fairness, "_REMEMBERED", 2)
    long = Share("d", 9 * ONE)

    turns = after(Turns(), [*shares("abc"), long])

    # Then those that are forgotten have no turn more for that, and nobody falls behind them
    assert turns == Turns(ONE, {"d": 9 * ONE})
    assert order_of(turns, *shares("abcd")) == [*"abcd"]


def test_names_of_gates():
    gate = gate_of("a-b", Priority.HIGH)

    assert gate == "fair.high-a-b"
    assert (is_gate(gate), queue_of_gate(gate)) == (True, "a-b")
    assert not is_gate("named.fair")


def test_a_share_says_nothing_of_its_key_but_which_it_is():
    assert share_of('"a"', 2) == share_of('"a"', 2.0)
    assert share_of('"a"', 1).key != share_of("1", 1).key
    assert (share_of("1", 0.001).stride, share_of("1", 1000).stride) == (1000 * ONE, 100)


def ask(run: str, share: Share) -> Ask:
    return Ask(run, "s", Attempt(Kind.RUN, 1, 1), share=share)


def test_a_turn_is_written_with_who_was_let_in_and_only_then():
    record = LimitRecord("fair.normal-default", concurrency=2)
    a, b = shares("ab")

    found = follow(record, (), [ask("1", a)], [ask("2", a), ask("3", b)], 1.0)
    assert found.record.turns == Turns(ONE, {"a": 2 * ONE})

    # Who is asked for again, having been let in, has had its turn
    again = follow(found.record, (), [ask("1", a)], [ask("3", b)], 2.0)
    assert again.record == found.record


weights = st.sampled_from([0.5, 1.0, 2.0, 3.0, 10.0])
backlogs = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.integers(1, 40), weights), min_size=2
)


@given(backlogs, st.lists(st.sampled_from("abcdef"), max_size=30), st.data())
def test_over_any_backlog_nobody_gets_ahead_by_more_than_a_stride_of_each(found, before, data):
    """Any number of coordinators let in, each a few, by what the one before has written."""
    strides = {key: round(ONE / weight) for key, (_, weight) in found.items()}
    turns = after(Turns(), [Share(key, strides.get(key, ONE)) for key in before])
    lines = {key: deque([Share(key, strides[key])] * count) for key, (count, _) in found.items()}
    got: Counter[str] = Counter()
    history = [(Counter[str](), set(lines))]
    while any(lines.values()):
        waiting = [share for line in lines.values() for share in line]
        some = [
            share
            for share, _ in zip(
                in_turn(turns, waiting, lambda one: one),
                range(data.draw(st.integers(1, 5))),
                strict=False,
            )
        ]
        for share in some:
            turns = after(turns, [share])
            lines[share.key].popleft()
            got[share.key] += 1
            history.append((got.copy(), {key for key, line in lines.items() if line}))

    for (_, former), (_, latter) in pairwise(history):
        assert latter <= former
    for (first, _), (last, wait) in combinations(history, 2):
        for one, other in combinations(sorted(wait), 2):
            ahead = [(last[key] - first[key]) * strides[key] for key in (one, other)]
            assert abs(ahead[0] - ahead[1]) <= strides[one] + strides[other]


@given(st.lists(st.tuples(st.sampled_from("abcde"), weights), max_size=60))
def test_the_scale_never_runs_backwards_and_nobody_is_forgotten_who_is_ahead(given_):
    turns, ends = Turns(), Counter[str]()
    for key, weight in given_:
        share = Share(key, round(ONE / weight))
        start = max(turns.virtual, ends[key])
        turns_after = after(turns, [share])
        ends[key] = start + share.stride
        assert turns_after.virtual == start >= turns.virtual
        turns = turns_after
        assert turns.next == {k: end for k, end in ends.items() if end > turns.virtual}
