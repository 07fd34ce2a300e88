"""What schedules have to say of what became of them: it stands in their records, once."""

from __future__ import annotations

from msgspec.structs import replace

from flowworker.core.schedule import Overlap, Schedule
from flowworker.core.schedule_acts import created, deleted, paused, redefined, unpaused
from flowworker.core.schedule_events import ScheduleEventType, Unpublished
from flowworker.core.scheduling import follow, settled
from flowworker.core.status import RunStatus
from tests.core.schedules import BEGIN, STEP, completed, minutes, record, times, turn, wanted

WHEN = f"7@{BEGIN:.6f}"


def said(found):
    """Type, minute and reason of each."""
    return [
        (one.type.rpartition(".")[2], (one.time - BEGIN) / STEP if one.time else None, one.reason)
        for one in found.outbox
    ]


def looked_at(given, number, *, now=None, ended=None):
    at = BEGIN + STEP * number
    return follow(given, at, at if now is None else now, times, ended or {}).record


def begun(given):
    """All that was to be started is, and what there was to say is said."""
    return settled(given, {}, BEGIN)


def test_what_operators_do():
    one = created(Schedule("s", every=STEP), "w", None, WHEN)
    changed = redefined(one, Schedule("s", every=1.0), f"8@{BEGIN + 1.0:.6f}")
    off = paused(changed, "look first", f"9@{BEGIN + 2.0:.6f}")
    on = unpaused(off, f"10@{BEGIN + 3.0:.6f}")

    assert said(on) == [
        ("created", None, ""),
        ("changed", None, ""),
        ("paused", None, "look first"),
        ("unpaused", None, ""),
    ]
    assert [one.at - BEGIN for one in on.outbox] == [0.0, 1.0, 2.0, 3.0]
    assert len({one.detail for one in on.outbox}) == 4
    assert deleted(WHEN) == Unpublished(ScheduleEventType.DELETED, BEGIN, WHEN)


def test_to_unpause_what_is_not_paused_is_nothing_new():
    one = created(Schedule("s", every=STEP), "w", None, WHEN)
    assert unpaused(one, f"8@{BEGIN + 1.0:.6f}").outbox == one.outbox


def test_a_time_that_is_skipped():
    given, _ = turn(record(), 1)

    after = looked_at(given, 2)

    [entry] = after.outbox
    assert said(after) == [("skipped", 2.0, f"run {given.running[0].run} had not ended")]
    assert (entry.run, entry.detail) == (after.recent[-1].run, after.recent[-1].run)


def test_one_that_was_asked_for_twice_is_skipped_twice():
    given, _ = turn(record(), 1)
    asked = replace(given, asked=(wanted(overlap=Overlap.SKIP),))

    first, second = (looked_at(asked, number).outbox[0] for number in (1.1, 1.2))

    assert first.run == second.run
    assert first.detail != second.detail


def test_times_that_are_missed():
    late = BEGIN + 5 * STEP + 90_000.0
    after = looked_at(record(), 2, now=late)
    assert said(after) == [("missed", 1.0, "90240 s late"), ("missed", 2.0, "90180 s late")]


def test_very_many_that_are_missed_are_one():
    after = looked_at(record(catchup_window=10.0), 5_000)

    assert len(after.outbox) == 101
    kind, until, reason = said(after)[-1]
    assert (kind, until, minutes(after.running)) == ("missed", (after.passed - BEGIN) / STEP, [])
    assert reason.startswith("all up to this one")


def test_very_many_that_are_not_late_leave_nothing_out():
    after = looked_at(record(overlap=Overlap.BUFFER_ALL), 300)
    assert (after.outbox, len(after.waiting)) == ((), 99)


def test_a_run_that_is_refused_and_what_follows():
    given = looked_at(record(pause_on_failure=True), 1)
    [one] = given.running

    after = settled(given, {one.run: "no such workflow"}, BEGIN + STEP)

    assert said(after) == [
        ("rejected", 1.0, "no such workflow"),
        ("paused", None, f"run {one.run} is REJECTED"),
    ]
    assert after.outbox[1].run == one.run


def test_a_failure_that_pauses_it():
    given, _ = turn(record(pause_on_failure=True), 1)

    after = looked_at(given, 1.5, ended=completed(given, RunStatus.FAILED))

    assert said(after) == [("paused", None, f"run {given.running[0].run} is FAILED")]


def test_what_runs_say_themselves_is_not_repeated():
    given, _ = turn(record(), 1)
    assert given.outbox == ()
    assert looked_at(given, 1.5, ended=completed(given)).outbox == ()


def test_that_no_time_is_left_is_said_once():
    given, _ = turn(record(max_runs=2, overlap=Overlap.BUFFER_ALL), 3)
    assert (given.ended, len(given.waiting)) == (False, 1)

    over = begun(looked_at(given, 4, ended=completed(given)))
    assert said(over) == [("ended", None, "")]
    again = looked_at(begun(over), 5)
    assert (again.ended, again.outbox) == (True, ())


def test_one_that_is_paused_has_not_ended():
    given = paused(record(max_runs=1), "why", f"8@{BEGIN + 1.0:.6f}")
    assert not looked_at(given, 3).ended


def test_one_that_says_something_else_may_end_again():
    over = begun(looked_at(record(max_runs=1), 1))
    assert over.ended

    more = created(replace(over.schedule, max_runs=2), "w", None, f"8@{BEGIN + STEP:.6f}", over)
    ended = begun(looked_at(more, 2, ended=completed(more)))

    assert (more.ended, ended.ended) == (False, True)
    assert said(ended)[-1] == ("ended", None, "")
    details = [one.detail for one in (*over.outbox, *ended.outbox)]
    assert len(set(details)) == 2


def test_what_was_not_published_stays():
    given, _ = turn(record(), 1)
    once = looked_at(given, 2)

    twice = looked_at(once, 3)

    assert said(twice)[:1] == said(once)
    assert len(twice.outbox) == 2
    assert settled(twice, {}, BEGIN).outbox == ()
