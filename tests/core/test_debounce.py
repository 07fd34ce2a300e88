"""Which of several starts begins: one rule, one test; and in whatever order, only the last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowworker.core.debounce import (
    Debounce,
    DebounceRecord,
    begun,
    debounce_id,
    is_behind,
    taken_over,
)
from flowworker.core.ids import origin_of

NOW = 1000.0
SAYS = Debounce(10.0, 25.0)
EMPTY = DebounceRecord("d")


def origin(number):
    return origin_of(number, NOW + number)


def came(record, number, now, says=SAYS, *, over=False):
    return taken_over(record, says, f"r{number}", origin(number), now, over=over)


def begins(record, origin):
    """The record once a run has begun that was not replaced."""
    after = begun(record, origin)
    assert after is not None
    return after


def test_the_first_one_begins_once_no_other_has_come_for_a_while():
    found = came(EMPTY, 1, NOW)

    assert found == DebounceRecord(
        "d", run="r1", origin=origin(1), first=NOW, begins_at=NOW + 10, replaced=""
    )


def test_one_that_comes_before_that_takes_its_place():
    found = came(came(EMPTY, 1, NOW), 2, NOW + 9)

    assert (found.run, found.replaced) == ("r2", "r1")
    assert (found.first, found.begins_at) == (NOW, NOW + 19)


def test_however_many_come_the_last_one_begins_at_the_latest_after_the_timeout():
    found = EMPTY
    for number, now in enumerate((NOW, NOW + 9, NOW + 18, NOW + 24), 1):
        found = came(found, number, now)
    assert (found.run, found.begins_at) == ("r4", NOW + 25)
    # And not in the past, if that has not begun
    assert came(found, 5, NOW + 26).begins_at == NOW + 26


def test_without_a_timeout_it_waits_for_as_long_as_others_come():
    found = came(came(EMPTY, 1, NOW, Debounce(10.0)), 2, NOW + 9, Debounce(10.0))
    assert found.begins_at == NOW + 19


def test_behind_one_that_has_begun_others_are_counted_anew():
    first = begins(came(EMPTY, 1, NOW), origin(1))

    found = came(first, 2, NOW + 12)

    assert (found.replaced, found.first, found.begins_at) == ("", NOW + 12, NOW + 22)


def test_behind_one_that_was_stopped_too():
    first = came(EMPTY, 1, NOW)

    found = came(first, 2, NOW + 24, over=True)

    assert (found.replaced, found.first, found.begins_at) == ("", NOW + 24, NOW + 34)


def test_one_that_has_begun_is_known_to_have_when_others_have_come():
    found = begins(came(EMPTY, 1, NOW), origin(1))
    for number in (2, 3):
        found = came(found, number, NOW + 12)
        assert begun(found, origin(1)) == found

    # As the latest that has
    found = came(begins(found, origin(3)), 4, NOW + 30)
    assert begun(found, origin(3)) == found
    assert begun(found, origin(1)) is None


def test_a_message_that_comes_again_changes_nothing():
    found = came(came(EMPTY, 1, NOW), 2, NOW + 1)

    assert came(found, 2, NOW + 5) == found
    assert came(found, 1, NOW + 5) == found


def test_who_was_replaced_does_not_begin_and_who_was_not_does_twice_as_once():
    found = came(came(EMPTY, 1, NOW), 2, NOW + 1)

    assert begun(found, origin(1)) is None
    after = begins(found, origin(2))
    assert after.begun
    assert begun(after, origin(2)) == after


def test_one_that_has_not_come_here_does_not_begin():
    assert begun(EMPTY, origin(1)) is None


def test_which_one_is_behind():
    assert is_behind(origin(2), origin(1))
    assert not is_behind(origin(1), origin(1))
    assert is_behind(origin(1), "")
    # Sequences begin anew with a stream
    assert is_behind(origin_of(1, NOW), origin_of(7, NOW - 1))


def test_ids():
    assert len({debounce_id("w", '"a"'), debounce_id("w", '"b"'), debounce_id("v", '"a"')}) == 3


@given(st.permutations(range(1, 7)), st.data())
def test_of_those_that_come_only_the_last_begins_in_whatever_order_they_are_met(order, data):
    """Each is met once or again; each may try to begin at any time after it was met."""
    record, met, went = EMPTY, set(), []
    for number in order:
        record = came(record, number, NOW)
        met.add(number)
        tries = data.draw(st.lists(st.sampled_from(sorted(met)), max_size=2))
        for each in tries:
            after = begun(record, origin(each))
            if after is not None:
                record = after
                went += [each] if each not in went else []
    assert went == sorted(went)  # nobody begins behind a later one
    last = max(met)
    assert begun(record, origin(last)) is not None
    others = [one for one in met if one != last and one not in went]
    assert all(begun(record, origin(one)) is None for one in others)
