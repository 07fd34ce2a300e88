"""Iterations of a step that is repeated, planted as they must not be."""

from __future__ import annotations

from typing import Any

import pytest

from bench.chaos import checker
from bench.chaos.checker import check
from tests.chaos.history import RUN, History, kinds

POLL: dict[str, dict[str, Any]] = {
    "poll": {"uses": "do", "repeat": {"until": "output.left <= 0", "max": 3}},
    "last": {"uses": "do", "depends_on": ["poll"]},
}


def polled() -> History:
    """A step has three iterations, of which the third is the last."""
    history = History(POLL)
    history.tell("started")
    for iteration in (1, 2, 3):
        history.iterate("poll", iteration, left=3 - iteration)
    history.was_last("poll")
    history.complete("last")
    history.end("COMPLETED")
    history.evidence.runs[RUN]["output"] = {"kind": "inline", "data": {"iterations": {"poll": 3}}}
    return history


def limited() -> History:
    """A step has as many iterations as it may, and none of them was the last."""
    history = History(POLL)
    history.tell("started")
    for iteration in (1, 2, 3):
        history.iterate("poll", iteration, left=1)
    history.was_last("poll", "attempt_failed", error_type="RepeatLimit")
    history.tell("step.failed", "poll/1", step_id="poll")
    history.tell("compensating")
    history.end("FAILED", "failed")
    return history


def iterated(history: History, iteration: int) -> dict[str, Any]:
    ended = (e for e in history.events if e["type"] == "workflow.step.iterated")
    return next(event["data"] for event in ended if event["data"]["iteration"] == iteration)


def notes_of(history: History, iteration: int) -> list[dict[str, Any]]:
    return [note for note in history.notes if note["iteration"] == iteration]


@pytest.mark.parametrize("make", [polled, limited])
def test_a_good_history_passes(make):
    verdict = check(make().evidence)

    assert verdict.violations == []
    assert verdict.counts["iterations"] == 3


def test_an_iteration_that_is_missing_is_found():
    history = polled()
    history.events.remove(next(e for e in history.events if e["data"] is iterated(history, 2)))

    assert kinds(history) == {checker.REPEATED}


def test_iterations_in_another_order_are_found():
    history = polled()
    first, second = iterated(history, 1), iterated(history, 2)
    first["revision"], second["revision"] = second["revision"], first["revision"]

    assert kinds(history) == {checker.REPEATED}


def test_an_iteration_that_began_before_the_end_of_the_one_before_is_found():
    history = polled()
    for note in notes_of(history, 2):
        note["at"] = notes_of(history, 1)[0]["at"] + 0.01

    assert kinds(history) == {checker.REPEATED}


def test_an_iteration_beyond_the_last_is_found():
    history = polled()
    iterated(history, 2)["output"]["data"]["left"] = 0

    assert kinds(history) == {checker.REPEATED}


def test_an_iteration_beyond_the_limit_is_found():
    history = limited()
    history.execute("poll", "do", iteration=4)

    assert kinds(history) == {checker.REPEATED}


def test_a_step_that_completed_before_its_last_iteration_is_found():
    history = polled()
    iterated(history, 3)["output"]["data"]["left"] = 1

    assert kinds(history) == {checker.REPEATED}


def test_a_limit_that_was_not_reached_is_found():
    history = limited()
    history.evidence.definitions["w"]["poll"] = {
        "uses": "do",
        "repeat": {"until": "output.left <= 0", "max": 4},
    }

    assert kinds(history) == {checker.REPEATED}


def test_a_result_of_another_iteration_is_found():
    history = polled()
    iterated(history, 2)["output"] = iterated(history, 1)["output"]

    assert kinds(history) == {checker.REPEATED}


def test_iterations_that_are_miscounted_are_found():
    history = polled()
    history.evidence.runs[RUN]["output"]["data"]["iterations"]["poll"] = 2

    assert kinds(history) == {checker.REPEATED}


def test_an_iteration_without_a_beginning_is_found():
    history = polled()
    history.remove("step.started", "poll")

    assert kinds(history) == {checker.EVENTS}
