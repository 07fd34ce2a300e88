"""What follows for a schedule when a time has come or a run has ended: one rule, one test."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core.occurrence import (
    MAX_FOLLOWED,
    MAX_RECENT,
    MAX_WAITING,
    Occurrence,
    OccurrenceState,
)
from flowworker.core.schedule import (
    Overlap,
    due_at,
    run_of_time,
    run_of_trigger,
)
from flowworker.core.scheduling import AT_A_TIME, follow, rests, settled
from flowworker.core.status import RunStatus
from tests.core.schedules import (
    BEGIN,
    STEP,
    completed,
    minutes,
    recent,
    record,
    times,
    turn,
    wanted,
)


def test_nothing_follows_before_the_first_time():
    given = record()
    assert turn(given, 0.5) == (given, BEGIN + STEP)


def test_a_time_that_has_come_is_about_to_begin_its_run_and_is_passed():
    found = follow(record(), BEGIN + STEP, BEGIN + STEP, times, {})

    [one] = found.record.running
    assert one == Occurrence(
        BEGIN + STEP, run_of_time("s", BEGIN + STEP), BEGIN + STEP, OccurrenceState.STARTING
    )
    assert (found.record.passed, found.record.started) == (BEGIN + STEP, 1)
    assert found.wake == BEGIN + 2 * STEP
    # To decide upon the same again begins nothing more
    assert follow(found.record, BEGIN + STEP, BEGIN + STEP, times, {}) == found


def test_a_run_that_was_begun_is_followed_to_its_end():
    given, _ = turn(record(), 1)
    assert [one.state for one in given.running] == [OccurrenceState.RUNNING]

    given, _ = turn(given, 1.5, completed(given))

    assert (given.running, recent(given)) == ((), [(1.0, "COMPLETED")])


def test_a_run_that_was_removed_is_followed_no_longer():
    given, _ = turn(record(), 1)
    given, _ = turn(given, 1.5, dict.fromkeys(completed(given)))
    assert (given.running, recent(given)) == ((), [(1.0, "RUNNING")])
    assert given.recent[0].reason == "it was removed before its end was seen"


@pytest.mark.parametrize("overlap", Overlap)
def test_whatever_the_overlap_a_time_at_which_nothing_runs_begins_a_run(overlap):
    given, _ = turn(record(overlap=overlap), 1)
    assert minutes(given.running) == [1.0]


def test_skip_leaves_out_a_time_while_a_run_has_not_ended():
    given, _ = turn(record(), 1)
    given, wake = turn(given, 2)

    assert (minutes(given.running), recent(given), given.skipped) == (
        [1.0],
        [(2.0, "SKIPPED")],
        1,
    )
    assert given.recent[0].reason == f"run {given.running[0].run} had not ended"
    assert wake == BEGIN + 3 * STEP


def test_buffer_one_keeps_the_first_time_that_has_to_wait():
    given, _ = turn(record(overlap=Overlap.BUFFER_ONE), 3)
    assert (minutes(given.running), minutes(given.waiting)) == ([1.0], [2.0])
    assert recent(given) == [(3.0, "SKIPPED")]

    given, _ = turn(given, 3.5, completed(given))

    assert (minutes(given.running), given.waiting) == ([2.0], ())


def test_buffer_all_keeps_them_all_up_to_a_limit():
    given, _ = turn(record(overlap=Overlap.BUFFER_ALL), 4)
    assert (minutes(given.running), minutes(given.waiting)) == ([1.0], [2.0, 3.0, 4.0])

    full = replace(given, waiting=given.waiting[:1] * MAX_WAITING)
    full, _ = turn(full, 5)

    assert (len(full.waiting), recent(full)) == (MAX_WAITING, [(5.0, "SKIPPED")])


@pytest.mark.parametrize("overlap", [Overlap.CANCEL_OTHER, Overlap.TERMINATE_OTHER])
def test_a_time_that_stops_others_waits_for_their_end(overlap):
    given, _ = turn(record(overlap=overlap), 1)
    given, _ = turn(given, 2)
    assert [(one.stop, one.state) for one in given.running] == [(True, OccurrenceState.RUNNING)]
    assert minutes(given.waiting) == [2.0]

    # The next one takes its place
    given, _ = turn(given, 3)
    assert (minutes(given.waiting), recent(given)) == ([3.0], [(2.0, "SKIPPED")])

    given, _ = turn(given, 3.5, completed(given, RunStatus.CANCELLED))
    assert (minutes(given.running), recent(given)[-1]) == ([3.0], (1.0, "CANCELLED"))
    assert not given.running[0].stop


def test_allow_all_begins_all_of_them():
    given, _ = turn(record(overlap=Overlap.ALLOW_ALL), 3)
    assert minutes(given.running) == [1.0, 2.0, 3.0]


def test_where_any_number_may_run_the_oldest_are_followed_no_longer():
    given = record(overlap=Overlap.ALLOW_ALL)
    for _ in range(2):
        given, _ = turn(given, MAX_FOLLOWED + 1)

    assert len(given.running) == MAX_FOLLOWED
    assert recent(given) == [(1.0, "RUNNING")]


def test_a_time_that_is_too_late_is_missed():
    given = record(catchup_window=2 * STEP)

    given, wake = turn(given, 4)

    assert recent(given)[0] == (1.0, "MISSED")
    assert given.recent[0].reason == "180 s late"
    assert (minutes(given.running), given.missed, given.skipped) == ([2.0], 1, 2)
    assert wake == BEGIN + 5 * STEP


def test_how_late_it_is_says_the_own_clock_and_what_has_come_the_servers():
    # Given a coordinator whose clock is in another year
    given, wake = turn(record(), 1, now=BEGIN + 1e9)

    # Then nothing begins that has not come
    assert (given.missed, given.passed, wake) == (1, BEGIN + STEP, BEGIN + 2 * STEP)


def test_a_turn_decides_upon_so_many_times_and_another_one_goes_on():
    given, wake = turn(record(), AT_A_TIME + 5)
    assert (given.passed, wake) == (BEGIN + AT_A_TIME * STEP, BEGIN + (AT_A_TIME + 5) * STEP)

    given, wake = turn(given, AT_A_TIME + 5)
    assert given.passed == BEGIN + (AT_A_TIME + 5) * STEP
    assert given.skipped == AT_A_TIME + 4


def test_times_that_are_much_too_late_are_left_behind_at_once():
    late = 1_000_000
    given, wake = turn(record(catchup_window=2 * STEP), late)

    assert given.missed == AT_A_TIME
    assert late - 4 < (given.passed - BEGIN) / STEP < late - 2
    given, wake = turn(given, late)
    assert (given.running[0].time, wake) == (BEGIN + (late - 2) * STEP, BEGIN + (late + 1) * STEP)


def test_jitter_makes_a_run_later_by_what_follows_from_its_time():
    given = record(jitter=30.0)
    due = due_at(given.schedule, BEGIN + STEP)
    assert 0.0 < due - BEGIN - STEP < 30.0
    assert due != due_at(replace(given.schedule, id="other"), BEGIN + STEP)

    assert follow(given, due - 0.001, due, times, {}).wake == due
    begun = follow(given, due, due, times, {}).record
    assert [(one.time, one.due) for one in begun.running] == [(BEGIN + STEP, due)]


def test_no_more_times_than_max_runs_begin_runs():
    given, wake = turn(record(overlap=Overlap.ALLOW_ALL, max_runs=2), 5)
    assert (given.started, minutes(given.running), wake) == (2, [1.0, 2.0], None)
    # One that is asked for begins one all the same, and does not count
    given = replace(given, asked=(wanted(),))
    given, _ = turn(given, 6)
    assert (given.started, len(given.running)) == (2, 3)


def test_times_that_wait_count_as_well():
    given, wake = turn(record(overlap=Overlap.BUFFER_ALL, max_runs=3), 9)
    assert (given.started, minutes(given.waiting), wake) == (1, [2.0, 3.0], None)

    given, _ = turn(replace(given, asked=(wanted(),)), 9)
    while given.running:
        given, _ = turn(given, 9, completed(given))
    assert given.started == 3


def test_a_time_whose_run_is_refused_is_none_of_max_runs():
    found = follow(record(max_runs=1), BEGIN + STEP, BEGIN + STEP, times, {})
    assert (found.record.started, found.record.ended, found.wake) == (1, False, None)

    after = settled(found.record, {found.record.running[0].run: "too early"}, BEGIN + STEP)
    assert (after.started, after.ended, recent(after)) == (0, False, [(1.0, "REJECTED")])
    assert turn(after, 1)[1] == BEGIN + 2 * STEP
    last, wake = turn(after, 2)
    assert (last.started, last.ended, minutes(last.running), wake) == (1, True, [2.0], None)

    # One that was asked for did not count
    given = follow(replace(record(), asked=(wanted(),)), BEGIN, BEGIN, times, {}).record
    assert settled(given, {given.running[0].run: "too early"}, BEGIN).started == 0


def test_the_last_time_is_the_last():
    found = follow(record(), BEGIN + STEP, BEGIN + STEP, lambda _: iter(()), {})
    assert (replace(found.record, ended=False, outbox=()), found.wake) == (record(), None)


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED])
def test_a_run_that_fails_pauses_it_if_it_says_so(status):
    given, _ = turn(record(pause_on_failure=True), 1)
    run = given.running[0].run

    given, wake = turn(given, 2, completed(given, status))

    if status is RunStatus.FAILED:
        assert (given.paused, wake, given.running) == (f"run {run} is FAILED", None, ())
    else:
        assert (given.paused, minutes(given.running)) == ("", [2.0])
    assert not turn(replace(record(), running=given.running), 2, completed(given, status))[0].paused


def test_a_run_that_is_refused_is_over_and_a_failure():
    given = record(pause_on_failure=True)
    found = follow(given, BEGIN + STEP, BEGIN + STEP, times, {}).record
    other = replace(found.running[0], run="other", state=OccurrenceState.RUNNING)
    found = replace(found, running=(other, *found.running))

    after = settled(found, {found.running[1].run: "no such workflow"}, BEGIN + STEP)

    assert (after.running, recent(after)) == ((other,), [(1.0, "REJECTED")])
    assert after.recent[0].reason == "no such workflow"
    assert after.paused == f"run {found.running[1].run} is REJECTED"


def test_the_last_ones_that_are_over_are_kept():
    given, _ = turn(record(), 1)
    given, _ = turn(given, 30)
    assert len(given.recent) == MAX_RECENT
    assert recent(given)[-1] == (30.0, "SKIPPED")


def test_ids_of_runs_say_their_time():
    assert run_of_time("nightly", 1_000_000_000.0) == "nightly-20010909T014640Z"
    assert run_of_trigger("nightly", 1_000_000_000.25) == "nightly-20010909T014640250000Z"


def test_one_rests_that_is_paused_or_over_and_has_nothing_left_to_do():
    given, _ = turn(record(max_runs=1), 1)
    assert given.ended
    assert not rests(given)  # its run goes on

    over, _ = turn(given, 2, completed(given))

    assert rests(over)
    assert rests(replace(record(), paused="why"))
    assert not rests(record())
    assert not rests(replace(over, asked=(wanted(),)))
    assert not rests(replace(over, waiting=(wanted(),)))
    assert not rests(looked_at_again(over))


def looked_at_again(over):
    at = BEGIN + STEP
    return follow(replace(over, ended=False), at, at, lambda _: iter(()), {}).record
