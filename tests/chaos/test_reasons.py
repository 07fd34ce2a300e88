"""What `why` said is held against the records: reasons that are as they must be, spoiled."""

from __future__ import annotations

import pytest

from bench.chaos.truth import RULES
from tests.chaos.said import (
    AT,
    HELD,
    KILLED,
    KILLED_OTHER,
    NOW,
    TRUE,
    Json,
    judged,
    of_run,
    reason,
    record,
)


@pytest.mark.parametrize("kind", TRUE)
def test_what_is_true_is_judged_and_no_violation(kind):
    said, records, more = TRUE[kind]

    found, kinds = judged(said, *records, **more)

    assert found == []
    assert kinds[kind] == 1


def test_every_rule_has_a_case():
    assert TRUE.keys() == RULES.keys()


OVER = {"worker", "lost_worker", "timer", "signal", "approval", "human", "child", "iteration"}


@pytest.mark.parametrize("kind", sorted(OVER | {"retry", "loop", "coordinator", "queue"}))
def test_what_was_so_only_before_is_found(kind):
    """The attempt had ended, or begun, when it was asked."""
    said, records, more = TRUE[kind]
    [step, *_] = said
    later: Json = {
        "queue": HELD,
        "coordinator": HELD,
        "human": HELD,
        "iteration": HELD,
        "retry": HELD,
    }
    after = record(step, "RUNNING" if kind in later else "COMPLETED", 99, **later.get(kind, {}))

    found, _ = judged(said, *records, after, **more)

    assert [text for text in found if text.startswith(f"{step} between 100 and 100: {kind} (")]


@pytest.mark.parametrize(
    ("kind", "change", "text"),
    [
        ("worker", {"subjects": ["host-8-b"]}, "its record was"),
        ("worker", {"since": 1991.0}, "its record was"),
        ("worker", {"until": 2004.0}, "its record was"),
        ("lost_worker", {"subjects": ["host-8-b"]}, "nothing was done to that worker"),
        ("timer", {"until": 2011.0}, "its record was"),
        ("signal", {"subjects": ["other"]}, "it waits for go"),
        ("approval", {"since": 1.0}, "its record was"),
        ("human", {"since": 1998.0}, "its record was"),
        ("child", {"subjects": ["other"]}, "its record was"),
        ("dependency", {"subjects": ["nap"]}, "it does not depend on ['nap']"),
        ("dependency", {"subjects": []}, "['one'] had not ended either"),
        ("limit", {"subjects": ["each[0]"]}, "2 instances may go on"),
        ("iteration", {"until": 2003.0}, "its record was"),
        ("retry", {"until": 2006.0}, "its record was"),
        ("queue", {"subjects": ["other"]}, "its queue is default"),
        ("queue", {"since": NOW + 1}, "its message is of later"),
        ("start", {"until": 2002.0}, "its run was"),
        ("timeout", {"until": 1091.0}, "it was"),
        ("queue", {"kind": "no_handler"}, "nothing in a campaign leads to that"),
        ("queue", {"kind": "broken"}, "nothing in a campaign leads to that"),
    ],
)
def test_what_is_not_quite_true_is_found(kind, change, text):
    said, records, more = TRUE[kind]
    [step] = [one for one, about in said.items() if about["kind"] == kind]

    found, _ = judged({**said, step: {**said[step], **change}}, *records, **more)

    assert [one for one in found if f"), and {text}" in one]


@pytest.mark.parametrize(
    ("step", "kind", "text"),
    [
        ("one", "timer", "it is no step that sleeps"),
        ("one", "approval", "it asks nobody"),
        ("one", "human", "no human is asked about it"),
        ("one", "finally", "it is no step of `finally`"),
        ("one", "iteration", "it is not repeated"),
        ("one", "limit", "None instances may go on"),
        ("nap", "queue", "no worker executes it"),
        ("nap", "compensation", "its run was"),
        ("nap", "stopping", "its run was"),
    ],
)
def test_a_reason_that_such_a_step_cannot_have_is_found(step, kind, text):
    found, _ = judged({step: reason(kind)})

    assert [one for one in found if f"), and {text}" in one]


@pytest.mark.parametrize("kind", ["dependency", "finally", "loop", "limit", "compensation"])
def test_waiting_for_what_had_ended_is_found(kind):
    said, records, more = TRUE[kind]
    [name] = [one for one, about in said.items() if about["kind"] == kind]
    step = said[name]["subjects"][0].replace("[", "/").replace("]", "")
    how = {"kind": "compensate"} if kind == "compensation" else {}

    found, _ = judged(said, *records, record(step, "COMPLETED", 99, **how), **more)

    assert [text for text in found if f"{name} between 100 and 100: {kind} (" in text]


@pytest.mark.parametrize(
    ("kind", "faults"),
    [("lost_worker", KILLED_OTHER), ("no_worker", KILLED_OTHER), ("no_coordinator", KILLED)],
)
def test_that_somebody_is_missing_to_whom_nothing_was_done_is_found(kind, faults):
    said, records, _ = TRUE[kind]

    found, _ = judged(said, *records, faults=faults)

    assert [text for text in found if "), and nothing was done to" in text]


@pytest.mark.parametrize(("step", "is_true"), [("shared", True), ("limited", False)])
def test_only_a_step_that_takes_a_share_waits_for_its_turn(step, is_true):
    found, _ = judged({step: reason("limit", "fair.normal-default")})

    assert (found == []) is is_true


def test_an_attempt_whose_dependencies_had_not_ended_is_found():
    """One of them began later: nobody can have been to execute what is behind it."""
    later = record("one", revision=101, **HELD)

    found, _ = judged({"two": reason("queue", "default")}, later, status="PENDING")

    assert [text for text in found if "queue (), and ['one'] had not ended" in text]


def test_a_fault_of_long_ago_explains_no_absence():
    said, records, _ = TRUE["no_worker"]
    long_ago = {**KILLED[0], "from": 1900.0, "until": 1901.0}

    found, _ = judged(said, *records, faults=(long_ago,))

    assert [text for text in found if "), and nothing was done to worker-0" in text]


@pytest.mark.parametrize(
    ("records", "run", "text"),
    [
        ((record("one", **HELD),), of_run(), "one had not ended, and has no reason"),
        ((record("one", **HELD, revision=101),), of_run(), "one had not ended, and has no reason"),
        ((), of_run(), "the run had not ended, and nothing waits"),
    ],
)
def test_a_reason_that_is_missing_is_found(records, run, text):
    found, _ = judged({}, *records, run=run)

    assert f"between 100 and 100: {text}" in found


def test_a_run_that_is_said_to_be_what_it_was_not_is_found():
    """Its record became another one after it was asked."""
    ended = {**of_run(status="COMPLETED"), "_revision": AT + 1}

    found, _ = judged({"two": reason("queue", "default")}, of_run(), run=ended, status="PENDING")

    assert found == [
        "between 100 and 100: the run is COMPLETED, and was ['RUNNING']",
        "between 100 and 100: the run is COMPLETED, and something waits",
    ]


def test_what_a_missed_write_may_have_made_true_is_not_judged():
    said, records, _ = TRUE["worker"]
    after = record("one", "COMPLETED", 110)

    found, kinds = judged(said, *records, after, missed=([90, 95],))

    assert found == []
    assert kinds == {"unseen": 1}


def test_a_write_that_was_missed_at_another_time_matters_not():
    said, records, _ = TRUE["worker"]
    after = record("one", "COMPLETED", 110)

    _, kinds = judged(said, *records, after, missed=([10, 20], [111, 120]))

    assert kinds == {"worker": 1}
