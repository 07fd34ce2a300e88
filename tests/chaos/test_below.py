"""Instances of loops, and runs that are steps, planted as they must not be."""

from __future__ import annotations

from typing import Any

import pytest

from bench.chaos import checker
from bench.chaos.checker import check
from tests.chaos.history import RUN, History, kinds

LOOP: dict[str, dict[str, Any]] = {
    "each": {
        "uses": "do",
        "for_each": {"items": [1, 2], "max_parallel": 1, "tolerated_failures": 1},
        "saga": {"uses": "undo"},
    },
    "last": {"uses": "do", "depends_on": ["each"]},
}
CHILD = "sub-call-0"


def loop() -> History:
    """A run with a loop of two instances."""
    history = History(LOOP)
    history.tell("started")
    for step in ("each/0", "each/1"):
        history.complete(step)
    steps = history.evidence.steps[RUN]
    for record in steps.values():
        record["outcome"] = "COMPLETED"
    outputs = [steps[step]["output"]["data"] for step in ("each/0", "each/1")]
    history.settle("each", outputs, count=2)
    history.complete("last")
    history.end("COMPLETED")
    return history


def parent() -> History:
    """A run of which a step is a run."""
    history = History({"call": {"workflow": "child"}})
    history.evidence.definitions["child"] = {}
    history.tell("started")
    history.settle("call", {}, outcome="COMPLETED", child=CHILD)
    history.end("COMPLETED")
    history.evidence.runs[RUN]["finished_at"] = 20.0
    history.evidence.runs[CHILD] = {
        "workflow": "child",
        "status": "COMPLETED",
        "finished_at": 10.0,
        "parent": {"run": RUN, "step": "call"},
        "_revision": 7,
    }
    history.evidence.index.append(("COMPLETED", "child", CHILD))
    history.evidence.events[CHILD] = [
        {"id": f"{CHILD}/workflow.started", "type": "workflow.started", "data": {}, "_seq": 1},
        {
            "id": f"{CHILD}/workflow.completed",
            "type": "workflow.completed",
            "data": {"revision": 7},
            "_seq": 2,
        },
    ]
    return history


@pytest.mark.parametrize("make", [loop, parent])
def test_a_good_history_passes(make):
    assert check(make().evidence).violations == []


def test_a_loop_that_counts_an_instance_twice_is_found():
    history = loop()
    history.evidence.steps[RUN]["each"]["count"] = 3

    assert checker.BELOW in kinds(history)


def test_an_instance_that_is_missing_is_found():
    history = loop()
    del history.evidence.steps[RUN]["each/1"]

    assert checker.BELOW in kinds(history)


def test_an_instance_for_which_no_handler_was_called_is_found():
    history = loop()
    history.evidence.notes = [note for note in history.notes if note["step"] != "each/1"]

    assert checker.BELOW in kinds(history)


def test_outputs_in_another_order_are_found():
    history = loop()
    history.evidence.steps[RUN]["each"]["output"]["data"].reverse()

    assert kinds(history) == {checker.BELOW}


def test_more_failures_than_are_tolerated_are_found():
    history = loop()
    for step in ("each/0", "each/1"):
        history.evidence.steps[RUN][step]["outcome"] = "FAILED"

    assert checker.BELOW in kinds(history)


@pytest.mark.parametrize(
    "instead",
    [{"finished_at": 30.0}, {"status": "RUNNING"}, {"parent": {"run": "r9", "step": "call"}}],
)
def test_a_child_that_outlives_its_parent_or_has_none_is_found(instead):
    history = parent()
    history.evidence.runs[CHILD] |= instead

    assert checker.BELOW in kinds(history)


def stopped_at_once(of_parent: str) -> History:
    """A run that is a step of one which stopped before it began."""
    history = parent()
    message = f"run {RUN} stopped before this run began"
    stop = {"reason": "cancelled", "message": message}
    history.evidence.runs[CHILD] |= {"status": "CANCELLED", "stop": stop}
    history.evidence.index[-1] = ("CANCELLED", "child", CHILD)
    history.evidence.events[CHILD][1] |= {
        "id": f"{CHILD}/workflow.cancelled",
        "type": "workflow.cancelled",
    }
    history.evidence.runs[RUN]["stop"] = {"reason": of_parent} if of_parent else None
    return history


def test_nobody_asks_a_run_to_stop_whose_parent_had_stopped_before():
    events = [
        one.run for one in check(stopped_at_once("failed").evidence).violations if one.run == CHILD
    ]

    assert events == []


def test_a_run_that_stops_by_itself_while_its_parent_goes_on_is_found():
    assert [
        one.text
        for one in check(stopped_at_once("").evidence).violations
        if one.text.startswith("was stopped before it began")
    ]


def test_a_step_that_ends_otherwise_than_its_run_is_found():
    history = parent()
    history.evidence.steps[RUN]["call"]["outcome"] = "FAILED"

    assert kinds(history) == {checker.BELOW}


def test_an_item_of_another_instance_is_found():
    history = loop()
    next(note for note in history.notes if note["step"] == "each/1")["n"] = 1

    assert kinds(history) == {checker.BELOW}


def test_more_instances_at_a_time_than_may_be_are_found():
    history = loop()
    first, second = (
        [note for note in history.notes if note["step"] == f"each/{index}"] for index in (0, 1)
    )
    second[0]["at"] = (first[0]["at"] + first[1]["at"]) / 2

    assert kinds(history) == {checker.BELOW}


def test_an_execution_that_goes_on_without_its_lease_is_no_instance_too_many():
    history = loop()
    first = [note for note in history.notes if note["step"] == "each/0"]
    again = {**first[0], "pid": 8, "nonce": 777}
    history.notes.insert(1, again)
    history.notes.append({**first[1], "pid": 8, "nonce": 777, "at": history.at + 5})
    history.evidence.faults = [{"kind": "stop worker", "from": 1.0, "until": 2e3, "pid": 7}]

    assert kinds(history) == set()
