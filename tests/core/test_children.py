"""What runs that are attempts of steps run, and what their end says of the step."""

from __future__ import annotations

import pytest

from flowworker.core.attempt import Attempt
from flowworker.core.children import calls_in, group_of, groups_in, is_stopping, settled
from flowworker.core.ids import (
    COORDINATOR,
    MAX_NAME,
    RUN_ID,
    RUN_ID_OF_CHILD,
    child_run_id,
    reserved_for,
)
from flowworker.core.model import Fallback, Saga, Step, Workflow
from flowworker.core.payload import EMPTY, inline
from flowworker.core.records import ErrorInfo, RunRecord, StepRecord, Stop, StopReason
from flowworker.core.status import Kind, Outcome, RunStatus

FIRST = Attempt(Kind.RUN, 1, 1)
INNER = Step("inner", steps=(Step("call", workflow="b"),))
WHOLE = Workflow(
    "whole",
    (Step("a", workflow="a"), Step("outer", steps=(INNER, Step("c")), output={"x": 1})),
    version="3",
    retention=60.0,
    finally_=(Step("last", steps=(Step("d", workflow="d"),)),),
)
RUNNING = StepRecord("r", "a", Kind.RUN, 1, 1, Outcome.RUNNING, started_at=1.0, child="sub-1")


def ended(status: RunStatus, reason: StopReason | None = None) -> RunRecord:
    stop = None if reason is None else Stop(reason, "why")
    return RunRecord("sub-1", "w", "", status, EMPTY, 1.0, error="why", stop=stop)


def test_a_group_is_a_definition():
    group = group_of(WHOLE, WHOLE.steps[1])

    assert (group.name, group.output, group.version, group.retention) == (
        "whole.outer",
        {"x": 1},
        "3",
        60.0,
    )
    assert [each.name for each in groups_in(WHOLE)] == [
        "whole.outer.inner",
        "whole.outer",
        "whole.last",
    ]


def test_the_name_of_a_group_is_no_longer_than_others():
    long = Workflow("w" * MAX_NAME, (Step("s" * MAX_NAME, steps=(Step("a"),)),))
    names = {group_of(long, step).name for step in (*long.steps, Step("s" * 99 + "t"))}

    assert len(names) == 2
    assert all(len(name) <= MAX_NAME for name in names)


def test_a_group_of_the_longest_name_is_called_by_it():
    whole = Workflow("w" * (MAX_NAME - 2), (Step("s", steps=(Step("a"),)),))

    assert group_of(whole, whole.steps[0]).name == f"{whole.name}.s"


def test_what_a_workflow_calls_in_groups_too():
    assert calls_in(WHOLE) == {"a": "a", "b": "call", "d": "d"}


def test_the_id_of_a_child_follows_from_the_attempt_alone():
    one = child_run_id("r", 1.0, "a.b", FIRST)

    assert one == child_run_id("r", 1.0, "a.b", FIRST)
    assert one.startswith("sub-a-b-")
    others = {
        child_run_id("r", 2.0, "a.b", FIRST),
        child_run_id("s", 1.0, "a.b", FIRST),
        child_run_id("r", 1.0, "a.c", FIRST),
        child_run_id("r", 1.0, "a.b", FIRST.next),
        child_run_id("r" * 128, 1.0, "b" * 128, FIRST),
    }
    assert len({*others, one}) == 6
    assert all(RUN_ID.fullmatch(run) and RUN_ID_OF_CHILD.fullmatch(run) for run in others)


def test_which_ids_nobody_can_choose():
    assert reserved_for(child_run_id("r", 1.0, "a", FIRST)) == "child runs"
    assert reserved_for("seq-1") == "starts without one"
    assert not reserved_for("sub-a")


def test_no_worker_may_write_the_record_of_a_step_that_none_has_a_part_in():
    assert Step("a", workflow="w").keeper == COORDINATOR
    assert Step("a", workflow="w", queue="q", saga=Saga("undo")).keeper == "q"
    assert Step("a", workflow="w", queue="q", fallback=Fallback("else")).keeper == "q"


def test_a_child_that_completed_completes_the_step():
    late = settled(RUNNING, ended(RunStatus.COMPLETED), inline(b"7"), None, 9.0, stopping=True)

    assert (late.outcome, late.output, late.finished_at) == (Outcome.COMPLETED, inline(b"7"), 9.0)


def test_an_attempt_that_stopped_with_its_run_fails_only_if_its_child_did():
    stopped = settled(RUNNING, ended(RunStatus.CANCELLED), None, None, 9.0, stopping=True)
    failed = settled(RUNNING, ended(RunStatus.FAILED), None, DECLINED, 9.0, stopping=True)

    assert (stopped.outcome, stopped.error) == (Outcome.CANCELLED, None)
    assert failed.outcome is Outcome.CANCELLED
    assert failed.error is not None
    assert failed.error.type == DECLINED.type


DECLINED = ErrorInfo("Declined", "no", retryable=False, bases=("CardError",))
LATE = ErrorInfo("Timeout", "too long", bases=("Exception",))


@pytest.mark.parametrize(
    ("child", "cause", "own", "error_type", "bases", "retryable"),
    [
        (
            ended(RunStatus.FAILED, StopReason.FAILED),
            DECLINED,
            None,
            "Declined",
            ("CardError", "ChildFailed"),
            False,
        ),
        (ended(RunStatus.FAILED), None, None, "ChildFailed", (), True),
        (
            ended(RunStatus.FAILED, StopReason.TIMED_OUT),
            None,
            None,
            "Timeout",
            ("ChildFailed",),
            True,
        ),
        (
            ended(RunStatus.CANCELLED, StopReason.CANCELLED),
            None,
            None,
            "ChildCancelled",
            (),
            False,
        ),
        (
            ended(RunStatus.CANCELLED, StopReason.CANCELLED),
            None,
            LATE,
            "Timeout",
            ("Exception",),
            True,
        ),
    ],
    ids=["a step failed", "failed", "timed out", "cancelled by hand", "took too long"],
)
def test_the_end_of_a_child_that_did_not_complete(child, cause, own, error_type, bases, retryable):
    running = (
        RUNNING if own is None else StepRecord("r", "a", Kind.RUN, 1, 1, Outcome.RUNNING, error=own)
    )
    record = settled(running, child, None, cause, 9.0, stopping=False)

    assert record.outcome is Outcome.FAILED
    assert record.error is not None
    assert (record.error.type, record.error.bases, record.error.retryable) == (
        error_type,
        bases,
        retryable,
    )
    assert settled(running, child, None, cause, 9.0, stopping=True).outcome is Outcome.CANCELLED


@pytest.mark.parametrize(
    ("ending", "reason", "stopping"),
    [
        (None, None, False),
        (None, StopReason.CANCELLED, True),
        (RunStatus.FAILED, StopReason.FAILED, False),
        (RunStatus.FAILED, StopReason.TERMINATED, True),
        (RunStatus.COMPLETED, None, False),
    ],
)
def test_whether_a_run_stops_as_its_record_shows(ending, reason, stopping):
    stop = None if reason is None else Stop(reason)
    run = RunRecord("r", "w", "", RunStatus.RUNNING, EMPTY, 1.0, ending=ending, stop=stop)

    assert is_stopping(run) is stopping


def test_an_error_of_runs_in_runs_names_the_innermost_alone():
    once = settled(
        RUNNING, ended(RunStatus.FAILED), None, ErrorInfo("Declined", "no"), 9.0, stopping=False
    )
    twice = settled(RUNNING, ended(RunStatus.FAILED), None, once.error, 9.0, stopping=False)

    assert once.error == ErrorInfo("Declined", "run sub-1 (w): no", bases=("ChildFailed",))
    assert twice.error == once.error
