"""The checker of chaos campaigns, held against violations planted one by one."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

from bench.chaos import checker
from bench.chaos.checker import KINDS, check
from tests.chaos.history import RUN, completed, failed, kinds


@pytest.mark.parametrize("make", [completed, failed])
def test_a_good_history_passes(make):
    verdict = check(make().evidence)

    assert verdict.violations == []
    assert verdict.counts["runs started"] == verdict.counts["runs finished"] == 1
    assert not verdict.repeats


def test_an_event_published_again_is_no_violation():
    history = failed()
    history.events.append({**deepcopy(history.find("step.completed", "one")), "_seq": 99})

    verdict = check(history.evidence)

    assert verdict.violations == []
    assert verdict.counts["events published twice"] == 1


def test_a_run_that_never_ends_is_lost():
    history = completed()
    history.evidence.runs[RUN]["status"] = "RUNNING"

    assert checker.LOST in kinds(history)


def test_an_acknowledged_start_without_a_run_is_lost():
    history = completed()
    history.evidence.starts.append({"run": "r2", "workflow": "w", "acked": True, "bad": False})

    assert kinds(history) == {checker.LOST}


def test_a_start_that_was_not_acknowledged_may_have_no_run():
    history = completed()
    history.evidence.starts.append({"run": "r2", "workflow": "w", "acked": False, "bad": False})

    assert kinds(history) == set()


def test_a_run_that_nobody_started_is_found():
    history = completed()
    history.evidence.starts.clear()

    assert kinds(history) == {checker.STRANGE}


@pytest.mark.parametrize("times", [0, 2])
def test_a_bad_start_is_rejected_once(times):
    history = completed()
    history.evidence.starts.append({"run": "r2", "workflow": "?", "acked": True, "bad": True})
    rejected = {"type": "workflow.rejected", "id": "r2/workflow.rejected", "data": {}}
    history.evidence.events["r2"] = [rejected] * times

    assert kinds(history) == {checker.EVENTS}


def test_a_second_result_is_found():
    history = completed()
    second = deepcopy(history.find("step.completed", "two"))
    second["data"]["worker"], second["data"]["revision"] = "w2", 999
    history.events.insert(-1, second)

    assert checker.TWO_RESULTS in kinds(history)


def test_a_result_in_a_second_turn_is_found():
    history = completed()
    second = deepcopy(history.find("step.completed", "two"))
    second["id"], second["data"]["turn"] = f"{RUN}/workflow.step.completed/two/2", 2
    history.events.insert(-1, second)

    assert checker.TWO_RESULTS in kinds(history)


def test_a_record_written_again_after_its_result_is_found():
    history = completed()
    history.evidence.steps[RUN]["two"]["_revision"] += 1

    assert kinds(history) == {checker.TWO_RESULTS}


def test_a_result_that_no_handler_returned_is_found():
    history = completed()
    for holder in (
        history.find("step.completed", "two")["data"],
        history.evidence.steps[RUN]["two"],
    ):
        holder["output"] = {"kind": "inline", "data": {"nonce": 12345}}

    assert kinds(history) == {checker.TWO_RESULTS}


def test_an_event_that_differs_from_the_record_is_found():
    history = completed()
    history.evidence.steps[RUN]["two"]["output"] = {"kind": "inline", "data": {"nonce": 1}}

    assert kinds(history) == {checker.TWO_RESULTS}


def test_a_completion_without_a_record_is_found():
    history = completed()
    del history.evidence.steps[RUN]["two"]

    assert kinds(history) == {checker.TWO_RESULTS}


def test_a_terminal_state_that_a_witness_saw_change_is_found():
    history = completed()
    history.evidence.ends[RUN] = ["FAILED", "COMPLETED"]

    assert kinds(history) == {checker.CHANGED}


def test_a_terminal_record_written_again_is_found():
    history = completed()
    history.evidence.runs[RUN]["_revision"] += 1

    assert kinds(history) == {checker.CHANGED}


def test_two_ends_are_found():
    history = completed()
    history.tell("failed", revision=history.revision)

    assert checker.CHANGED in kinds(history)


def test_an_end_that_differs_from_the_record_is_found():
    history = completed()
    history.evidence.runs[RUN]["status"] = "CANCELLED"

    assert checker.CHANGED in kinds(history)


# Events


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("started", ""),
        ("step.started", "two"),
        ("step.completed", "one"),
        ("step.attempt_failed", "three"),
        ("step.retrying", "three"),
        ("step.failed", "three"),
        ("compensating", ""),
        ("failed", ""),
    ],
)
def test_a_missing_event_is_found(kind, step):
    history = failed()
    history.remove(kind, step)

    assert checker.EVENTS in kinds(history)


def test_a_completed_run_tells_of_every_step():
    history = completed()
    history.remove("step.completed", "three")

    assert kinds(history) == {checker.EVENTS}


@pytest.mark.parametrize(
    ("kind", "step", "to"),
    [
        ("started", "", 3),
        ("step.started", "two", 1),
        ("step.completed", "one", 5),
        ("step.completed", "one", 0),
        ("step.retrying", "three", 5),
        ("step.failed", "three", 2),
        ("compensating", "", -1),
        ("failed", "", 3),
    ],
)
def test_an_event_before_its_cause_is_found(kind, step, to):
    history = failed()
    history.move(kind, step, to)

    assert checker.EVENTS in kinds(history)


def test_what_handlers_did_too_early_is_found():
    history = completed()
    early = next(note for note in history.notes if note["step"] == "two")
    history.notes.remove(early)
    history.notes.insert(0, early)

    assert kinds(history) == {checker.EVENTS}


def test_requests_may_come_at_any_time():
    history = completed()
    history.tell("cancel_requested", "9")
    history.tell("rejected", "10")

    assert kinds(history) == set()


# Compensations


def test_a_missed_compensation_is_found():
    history = failed()
    history.remove("step.compensated", "one")

    assert checker.COMPENSATIONS in kinds(history)


def test_compensations_in_the_order_of_completion_are_found():
    history = failed()
    two, one = history.find("step.compensated", "two"), history.find("step.compensated", "one")
    a, b = history.events.index(two), history.events.index(one)
    history.events[a], history.events[b] = one, two
    one["_seq"], two["_seq"] = two["_seq"], one["_seq"]

    assert kinds(history) == {checker.COMPENSATIONS}


def test_a_compensation_of_what_never_completed_is_found():
    history = failed()
    history.remove("step.completed", "two")

    assert checker.COMPENSATIONS in kinds(history)


def test_a_compensation_that_no_handler_did_is_found():
    history = failed()
    history.evidence.notes = [
        note for note in history.notes if (note["step"], note["uses"]) != ("one", "undo")
    ]

    assert kinds(history) == {checker.COMPENSATIONS}


def test_compensations_at_the_same_time_are_found():
    history = failed()
    end = next(
        n for n in history.notes if (n["step"], n["uses"], n["what"]) == ("two", "undo", "end")
    )
    history.notes.remove(end)
    history.notes.append({**end, "at": history.at + 5})

    assert checker.COMPENSATIONS in kinds(history)


def test_a_completed_run_undoes_nothing():
    history = completed()
    history.tell("compensating")
    history.undo("two")
    history.events.append(history.events.pop(-3))  # the end stays last

    assert checker.COMPENSATIONS in kinds(history)


# Leftovers


def test_a_wrong_index_is_found():
    history = completed()
    history.evidence.index = [("RUNNING", "w", RUN), ("COMPLETED", "w", RUN)]

    assert kinds(history) == {checker.INDEX}


def test_a_message_left_in_a_queue_is_found():
    history = completed()
    history.evidence.queued = ["chaos.step.default.normal.r1.two"]

    assert kinds(history) == {checker.QUEUED}


def test_every_kind_is_planted():
    sources = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py")]
    names = [name for name, value in vars(checker).items() if value in list(KINDS)]

    assert len(names) == len(KINDS)
    assert [name for name in names if f"checker.{name}" not in "".join(sources)] == []
