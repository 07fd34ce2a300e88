"""A run that stops: nothing starts any more, what is in flight is fenced and awaited."""

from __future__ import annotations

import pytest

from flowworker.core import facts
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Emit, Fence, Save
from flowworker.core.event_types import EventType
from flowworker.core.records import Stop, StopReason
from flowworker.core.status import HumanAction, Kind, RunStatus, StepStatus
from flowworker.core.stopping import error_type_of
from tests.core.dsl import Run, out, step


def side_by_side() -> Run:
    """`a` and `b` are in flight, `c` waits for `b`."""
    return Run(step("a"), step("b", undo=True), step("c", "b")).starts()


def test_a_failure_fences_what_is_in_flight_and_waits_for_it():
    run = side_by_side().fails("a")

    assert run.effects == (
        Save(),
        Emit(EventType.STEP_FAILED, "a/1", step_id="a", error="Broken: it broke"),
        Fence("b", Attempt(Kind.RUN, 1, 1)),
    )
    assert run.status is RunStatus.RUNNING
    assert run.is_at("c") is StepStatus.PENDING
    assert run.is_fenced("b").published == ["failed"]
    assert run.statuses() == {
        "a": StepStatus.FAILED,
        "b": StepStatus.CANCELLED,
        "c": StepStatus.CANCELLED,
    }


def test_what_completes_while_stopping_is_compensated_and_its_successors_are_fenced():
    """A coordinator with a stale view may have dispatched them."""
    run = side_by_side().fails("a").completes("b")

    assert run.fenced == ["c"]
    assert run.dispatched == []
    assert run.is_fenced("c").dispatched == ["undo b"]


def test_a_step_that_another_coordinator_started_is_awaited():
    run = side_by_side().fails("a").completes("b").completes("c")

    assert run.dispatched == ["undo b"]
    assert run.is_at("c") is StepStatus.COMPLETED


@pytest.mark.parametrize(
    ("policy", "next_attempt"),
    [({"attempts": 3}, "b#2"), ({"fallback": True}, "else b")],
)
def test_what_fails_while_stopping_is_not_tried_again(policy, next_attempt):
    """But the next attempt is fenced, for the same reason."""
    run = Run(step("a"), step("b", **policy)).starts().fails("a").fails("b")

    assert run.published == []
    assert run.dispatched == []
    assert run.fenced == [next_attempt]
    assert run.is_fenced("b").status is RunStatus.FAILED
    assert run.is_at("b") is StepStatus.CANCELLED


def test_a_second_failure_is_published_but_the_first_one_stands():
    run = Run(step("a"), step("b")).starts().fails("a").fails("b")

    assert run.published == ["step.failed b", "failed"]
    assert run.state.record.stop == Stop(
        StopReason.FAILED, "step 'a' failed: Broken: it broke", "a"
    )


def test_nobody_is_asked_about_a_failure_while_stopping():
    run = Run(step("a"), step("b", human=True)).starts().fails("a").fails("b")

    assert run.published == ["failed"]
    assert run.is_at("b") is StepStatus.CANCELLED


def test_cancel_stops_and_compensates():
    run = side_by_side().completes("b").is_cancelled("no longer wanted")

    assert run.effects == (
        Save(),
        Fence("a", Attempt(Kind.RUN, 1, 1)),
        Fence("c", Attempt(Kind.RUN, 1, 1)),
    )
    assert run.is_fenced("a", "c").dispatched == ["undo b"]
    assert run.is_undone("b").published == ["cancelled"]
    assert run.status is RunStatus.CANCELLED
    assert run.state.record.error == "no longer wanted"


def test_cancel_without_a_reason_names_the_operator():
    run = side_by_side().is_cancelled()

    assert run.state.record.stop == Stop(StopReason.CANCELLED, "cancelled by operator")


def test_a_step_that_is_awaited_may_still_fail_the_run_but_it_ends_cancelled():
    run = Run(step("a"), step("b")).starts().is_cancelled().fails("a").is_fenced("b")

    assert run.status is RunStatus.CANCELLED
    assert run.is_at("a") is StepStatus.FAILED


def test_cancel_when_everything_is_about_to_be_done():
    run = Run(step("a", undo=True)).starts().is_cancelled().completes("a")

    assert run.dispatched == ["undo a"]
    assert run.is_undone("a").status is RunStatus.CANCELLED


def test_cancel_before_anything_was_dispatched_here():
    """Another coordinator may have dispatched it."""
    run = Run(step("a"), step("b", "a")).is_cancelled()

    assert run.fenced == ["a"]
    assert run.starts().effects == ()
    assert run.is_fenced("a").status is RunStatus.CANCELLED


def test_the_timeout_fails_the_run_and_compensates():
    run = Run(step("a", undo=True), step("b", "a"), timeout=90.0).starts().completes("a")

    assert run.times_out().fenced == ["b"]
    assert run.is_fenced("b").published == ["compensating"]
    assert run.is_undone("a").status is RunStatus.FAILED
    assert run.state.record.error == "workflow timed out after 90 s"


def test_terminate_revokes_claims_and_compensates_nothing():
    run = side_by_side().completes("b").is_terminated()

    assert run.effects == (
        Save(),
        Fence("a", Attempt(Kind.RUN, 1, 1), force=True),
        Fence("c", Attempt(Kind.RUN, 1, 1), force=True),
    )
    assert run.is_fenced("a", "c").published == ["cancelled"]
    assert run.status is RunStatus.CANCELLED
    assert run.state.record.error == "terminated by operator"
    assert run.is_at("b") is StepStatus.COMPLETED


@pytest.mark.parametrize("stop", [Run.is_cancelled, Run.times_out, lambda run: run.fails("b")])
def test_the_first_stop_stands_but_for_a_terminate(stop):
    run = Run(step("a"), step("b"), step("c"), timeout=9.0).starts()
    stop(run)
    first = run.state.record.stop
    before = run.state

    assert run.is_cancelled("again").effects == ()
    assert run.times_out().effects == ()
    assert run.state is before
    assert run.state.record.stop == first

    assert "a!" in run.is_terminated("enough").fenced
    assert run.state.record.stop == Stop(StopReason.TERMINATED, "enough")
    assert run.is_terminated("once more").effects == ()


def test_stopping_ends_the_wait_for_a_human():
    run = Run(step("a", human=True), step("b"), step("c", undo=True)).starts()
    run.completes("c").fails("a")

    run.is_cancelled()
    assert run.effects == (Save(RunStatus.WAITING_HUMAN), Fence("b", Attempt(Kind.RUN, 1, 1)))
    assert run.status is RunStatus.RUNNING
    assert not run.state.waiting
    assert run.is_at("a") is StepStatus.CANCELLED
    assert run.is_answered(HumanAction.RETRY, "a").effects == ()
    assert run.is_fenced("b").published == ["compensating"]


def test_cancel_while_a_human_is_the_only_one_awaited():
    run = Run(step("a", human=True)).starts().fails("a").is_cancelled()

    assert run.effects[0] == Save(RunStatus.WAITING_HUMAN)
    assert run.published == ["cancelled"]


def test_a_failure_elsewhere_ends_the_wait_for_a_human():
    run = Run(step("a", human=True), step("b")).starts().fails("a").fails("b")

    assert run.published == ["step.failed b", "failed"]
    assert run.is_at("a") is StepStatus.CANCELLED


def test_a_fence_that_nobody_asked_for_changes_nothing():
    run = side_by_side()
    before = run.state

    assert run.happens(facts.StepCancelled("a", 9)).effects == ()
    assert run.state is before


def test_a_fence_that_is_published_twice_changes_nothing():
    run = side_by_side().fails("a").completes("b").is_fenced("c")
    before = run.state

    assert run.happens(facts.StepCancelled("c", run.records["c"][1])).effects == ()
    assert run.state is before


def test_a_result_that_lost_against_the_fence_is_ignored():
    run = side_by_side().is_cancelled().is_fenced("a")

    late = facts.StepCompleted("a", Attempt(Kind.RUN, 1, 1), out("a"), 99)
    assert run.happens(late).effects == ()
    assert run.is_at("a") is StepStatus.CANCELLED


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        (StopReason.FAILED, "step 'a' failed: ValueError: no: never", "ValueError"),
        (StopReason.FAILED, "step 'a:1' failed: TimeoutError", "TimeoutError"),
        (StopReason.FAILED, "output: ExpressionFailed: no such key", "ExpressionFailed"),
        (StopReason.FAILED, "ended by step 'a'", ""),
        (StopReason.CANCELLED, "step 'a' failed: ValueError: no", ""),
    ],
)
def test_the_type_of_the_error_that_a_run_stops_because_of(reason, message, expected):
    assert error_type_of(Stop(reason, message, "a")) == expected


def test_the_error_of_a_step_that_failed_is_the_runs():
    stop = Run(step("a")).starts().fails("a").state.record.stop

    assert stop is not None
    assert error_type_of(stop) == "Broken"
