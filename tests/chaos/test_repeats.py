"""Attempts that ran twice, planted: with a fault that explains it, and without one."""

from __future__ import annotations

import pytest

from bench.chaos import checker
from bench.chaos.checker import check
from tests.chaos.history import completed, kinds


def repeated(ended_later: float = 0.0):
    history = completed()
    begin, end = (n for n in history.notes if n["step"] == "two")
    again = {**begin, "nonce": 777, "pid": 8, "at": begin["at"] + 0.01}
    end["at"] += ended_later
    history.notes.insert(history.notes.index(begin) + 1, again)
    return history, begin


def test_an_overlap_without_a_cause_is_found():
    history, _ = repeated()

    assert kinds(history) == {checker.CONCURRENT}


def test_a_repetition_without_a_cause_is_found():
    history, begin = repeated()
    history.evidence.notes = [
        n for n in history.notes if not (n["nonce"] == begin["nonce"] and n["what"] == "end")
    ]

    assert checker.UNEXPLAINED in kinds(history)


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("stop worker", "its worker hung longer than its lease"),
        ("cut worker", "its worker was cut off longer than its lease"),
        ("drain worker", "its worker stopped, and gave it back"),
        ("stop server", "NATS was away (stop server)"),
        ("lose quorum", "NATS was away (lose quorum)"),
    ],
)
def test_a_fault_explains_a_repetition(kind, cause):
    history, begin = repeated()
    at = begin["at"]
    history.evidence.faults = [{"kind": kind, "from": at - 1, "until": at, "pid": begin["pid"]}]

    verdict = check(history.evidence)

    assert verdict.violations == []
    assert verdict.repeats == {cause: 1}


def test_a_server_that_did_not_answer_explains_a_repetition():
    history, begin = repeated()
    history.evidence.slow = [{"from": begin["at"] - 3, "until": begin["at"] - 1}]

    verdict = check(history.evidence)

    assert verdict.violations == []
    assert verdict.repeats == {"NATS was slow to answer": 1}


def test_a_server_that_was_slow_long_ago_explains_nothing():
    history, begin = repeated()
    history.evidence.slow = [{"from": begin["at"] - 30, "until": begin["at"] - 20}]

    assert kinds(history) == {checker.CONCURRENT}


def test_a_dead_worker_cannot_explain_an_overlap():
    history, begin = repeated()
    at = begin["at"]
    fault = {"kind": "kill worker", "from": at - 1, "until": at, "pid": begin["pid"]}
    history.evidence.faults = [fault]

    assert kinds(history) == {checker.CONCURRENT}


def test_a_fault_of_another_time_explains_nothing():
    history, begin = repeated()
    fault = {"kind": "stop worker", "from": 1.0, "until": 2.0, "pid": begin["pid"]}
    history.evidence.faults = [fault]

    assert kinds(history) == {checker.CONCURRENT}


def test_a_turn_that_a_human_began_is_no_repetition():
    history, begin = repeated()
    for note in history.notes:
        if note["nonce"] != begin["nonce"]:
            note["turn"] = 2

    assert kinds(history) == set()


@pytest.mark.parametrize(("later", "found"), [(0.01, 0), (5.0, 1)])
def test_an_execution_that_begins_after_the_outcome_is_found(later, found):
    history, begin = repeated()
    [again] = [note for note in history.notes if note["nonce"] == 777]
    again["at"] = begin["at"] + later

    finished_again = check(history.evidence).finished_again

    assert [text.partition(" began")[0] for text in finished_again] == ["r1: two"] * found
