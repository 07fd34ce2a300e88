"""A fleet that was not at rest when it was looked at: what can be said of it, and what cannot."""

from __future__ import annotations

from typing import Any

import pytest

from bench.chaos import checker
from bench.chaos.checker import check
from tests.chaos.history import RUN, STEPS, History, failed, kinds


def busy(**record: Any) -> History:
    """A run of which one step has completed, when the waiting had an end."""
    history = History()
    history.tell("started")
    history.complete("one")
    history.evidence.steps[RUN]["one"]["outcome"] = "COMPLETED"
    history.evidence.runs[RUN] = {"workflow": "w", "status": "RUNNING", "_revision": 200, **record}
    history.evidence.index.append(("RUNNING", "w", RUN))
    history.evidence.unsettled = 120.0
    return history


def waits(history: History) -> list[str]:
    verdict = check(history.evidence)
    assert [one.text for one in verdict.violations if one.kind == checker.UNSETTLED] == [
        f"not at rest after 120 s: {len(verdict.waits)} wait"
    ]
    return verdict.waits


def test_what_has_not_ended_is_reported_and_is_not_lost():
    history = busy()

    assert kinds(history) == {checker.UNSETTLED}
    assert waits(history) == [
        f"{RUN}: is RUNNING, waits for a coordinator; nothing of it is queued or claimed"
    ]


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (
            {"attempt": 2, "worker": "w1", "lease_until": 1010.0},
            "attempt 2 of w1, lease until 1010.000",
        ),
        ({"attempt": 2, "worker": "w1"}, "attempt 2 of w1, free"),
        ({"child": "sub-two-1"}, "the run sub-two-1"),
        ({"wakes_at": 1500.0}, "until 1500.000"),
        ({"count": 3}, "of a coordinator"),
    ],
)
def test_it_waits_for_what_is_claimed(claim, said):
    history = busy()
    history.evidence.steps[RUN]["two"] = {"outcome": "RUNNING", "kind": "run", **claim}

    assert waits(history) == [f"{RUN}: is RUNNING, waits for two ({said})"]


def test_it_waits_for_what_is_queued():
    history = busy()
    subject = f"chaos.step.default.normal.{RUN}.two"
    history.evidence.queued = [subject, "chaos.step.default.normal.r9.two"]

    assert waits(history) == [f"{RUN}: is RUNNING, waits for the message {subject}"]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"status": "WAITING_HUMAN"}, "is WAITING_HUMAN, waits for an answer"),
        (
            {"status": "PENDING", "begins_at": 1200.0},
            "is PENDING, waits for its beginning at 1200.000",
        ),
    ],
)
def test_it_waits_for_a_human_or_a_time(record, said):
    assert waits(busy(**record)) == [f"{RUN}: {said}"]


def test_a_start_that_is_still_queued_is_not_lost():
    history = busy()
    history.evidence.starts.append({"run": "r2", "workflow": "v", "acked": True, "bad": False})
    history.evidence.queued = ["chaos.start.v"]

    assert kinds(history) == {checker.UNSETTLED}
    assert "not taken: chaos.start.v" in waits(history)


def test_a_start_that_was_taken_and_is_no_run_is_lost():
    history = busy()
    history.evidence.starts.append({"run": "r2", "workflow": "v", "acked": True, "bad": False})

    assert kinds(history) == {checker.UNSETTLED, checker.LOST}


@pytest.mark.parametrize(("times", "found"), [(0, set()), (2, {checker.EVENTS})])
def test_a_rejection_may_be_about_to_come(times, found):
    history = busy()
    history.evidence.starts.append({"run": "r2", "workflow": "?", "acked": True, "bad": True})
    rejected = {"type": "workflow.rejected", "id": "r2/workflow.rejected", "data": {}}
    history.evidence.events["r2"] = [rejected] * times

    assert kinds(history) - {checker.UNSETTLED} == found


def test_a_run_that_has_ended_is_judged_as_ever():
    history = failed()
    history.evidence.unsettled = 120.0

    assert kinds(history) == {checker.UNSETTLED}

    history.remove("step.compensated", "one")

    assert kinds(history) == {checker.UNSETTLED, checker.COMPENSATIONS}


def test_a_run_whose_end_is_not_published_yet_is_not_judged():
    history = failed()
    history.evidence.unsettled = 120.0
    history.remove("failed")

    assert kinds(history) == {checker.UNSETTLED}


def test_what_was_executed_twice_is_found_whatever_is_to_come():
    history = busy()
    begin, end = (note for note in history.notes if note["step"] == next(iter(STEPS)))
    history.notes.insert(1, {**begin, "nonce": 777, "pid": 8, "at": begin["at"] + 0.01})
    assert end["at"] > begin["at"] + 0.01

    assert kinds(history) == {checker.UNSETTLED, checker.CONCURRENT}
