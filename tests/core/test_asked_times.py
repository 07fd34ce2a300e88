"""Times that operators ask for, and schedules that are paused."""

from __future__ import annotations

from msgspec.structs import replace

from flowworker.core.occurrence import (
    OccurrenceState,
)
from flowworker.core.schedule import (
    Overlap,
)
from tests.core.schedules import (
    BEGIN,
    completed,
    minutes,
    record,
    turn,
    wanted,
)


def test_while_it_is_paused_only_what_is_asked_for_begins():
    given = replace(record(overlap=Overlap.BUFFER_ALL), paused="why", asked=(wanted(),))

    given, wake = turn(given, 5)

    assert (minutes(given.running), given.asked, given.passed, wake) == ([0.5], (), BEGIN, None)


def test_a_time_that_waits_goes_on_waiting_while_it_is_paused():
    given, _ = turn(record(overlap=Overlap.BUFFER_ALL), 2)
    given = replace(given, paused="why", asked=(wanted(2.5),))
    given, _ = turn(given, 3, completed(given))

    # The one that was asked for came later, and goes before it
    given, _ = turn(given, 3)
    assert (minutes(given.running), minutes(given.waiting)) == ([2.5], [2.0])

    given, _ = turn(replace(given, paused=""), 3, completed(given))
    assert minutes(given.running) == [2.0]


def test_what_is_asked_for_may_have_its_own_overlap():
    given, _ = turn(record(), 1)
    asked = tuple(wanted(1 + n / 10, overlap=Overlap.BUFFER_ALL) for n in range(3))

    given, _ = turn(replace(given, asked=asked), 1.5)
    assert len(given.waiting) == 3
    # A time that replaces others replaces none that somebody has asked for
    stopping = replace(given, schedule=replace(given.schedule, overlap=Overlap.CANCEL_OTHER))
    stopping, _ = turn(stopping, 2)

    assert len(stopping.waiting) == 4


def test_a_time_that_is_there_is_not_begun_again():
    given, _ = turn(record(overlap=Overlap.ALLOW_ALL), 1)
    again = replace(given.running[0], state=OccurrenceState.WAITING, asked=True)

    given, _ = turn(replace(given, asked=(again,)), 1.5)

    assert len(given.running) == 1
