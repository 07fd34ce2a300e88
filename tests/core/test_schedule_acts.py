"""What operators do to a schedule, in whatever order it is followed."""

from __future__ import annotations

import pytest
from msgspec import Raw
from msgspec.structs import replace

from flowworker.core.occurrence import MAX_WAITING, Occurrence
from flowworker.core.payload import Inline
from flowworker.core.schedule import Schedule
from flowworker.core.schedule_acts import asked, created, paused, redefined, unpaused
from flowworker.errors import InvalidInput

SAID = Schedule("s", every=60.0, input={"n": 1})
SEALED = Inline(Raw(b'"eHg="'), "k1")


def sent(time: float) -> str:
    return f"7@{time:.6f}"


NEW = created(SAID, "w", SEALED, sent(100.0))


def test_a_schedule_begins_when_it_was_sent():
    assert (NEW.passed, NEW.created_at, NEW.said_at, NEW.last) == (100.0, 100.0, 100.0, sent(100.0))
    assert (NEW.schedule, NEW.sealed) == (SAID, SEALED)


def test_one_that_is_replaced_goes_on_with_its_runs():
    one = Occurrence(60.0, "s-1", 60.0)
    former = replace(NEW, running=(one,), started=3, paused="why")

    after = created(replace(SAID, every=30.0), "other", None, sent(200.0), former)

    assert (after.running, after.started, after.paused) == ((one,), 3, "why")
    assert (after.passed, after.workflow, after.created_at) == (200.0, "other", 100.0)


def test_a_definition_that_says_the_same_changes_nothing():
    former = created(SAID, "w", SEALED, sent(100.0), defined=True)
    assert redefined(former, SAID, sent(200.0)) is former

    after = redefined(former, replace(SAID, every=30.0), sent(200.0))
    assert (after.schedule.every, after.defined, after.passed) == (30.0, True, 200.0)


def test_the_latest_word_counts_whether_it_is_paused():
    off = paused(NEW, "why", sent(200.0))
    assert (off.paused, off.last) == ("why", sent(200.0))

    on = unpaused(off, sent(300.0))
    assert (on.paused, on.passed) == ("", 300.0)
    # What was sent before, and is followed after it
    assert paused(on, "late", sent(250.0)) is on
    assert unpaused(off, sent(150.0)) is off


def test_to_unpause_what_is_not_paused_passes_no_time_by():
    assert unpaused(NEW, sent(300.0)).passed == 100.0


def test_what_is_asked_for_is_asked_for_once():
    one, other = Occurrence(60.0, "s-1", 60.0), Occurrence(61.0, "s-2", 61.0)

    after = asked(NEW, [one, other], sent(200.0))
    again = asked(replace(after, asked=(), running=(one,), recent=(other,)), [one], sent(150.0))

    assert (after.asked, after.last) == ((one, other), sent(200.0))
    assert (again.asked, again.last) == ((), sent(200.0))


def test_no_more_are_asked_for_than_may_wait():
    ones = [Occurrence(float(n), f"s-{n}", float(n)) for n in range(MAX_WAITING + 1)]
    waiting = replace(NEW, waiting=tuple(ones[:1]))
    full = asked(waiting, ones[1:-1], sent(200.0))

    says = "'s' has 1,000 times that wait, so 1 more are too many: 1,000 may wait"
    with pytest.raises(InvalidInput, match=says):
        asked(full, ones, sent(300.0))
    # What is asked for already may be asked for again: the command may come twice
    assert asked(full, ones[:-1], sent(300.0)).asked == full.asked
