"""Escalation: the run waits for an operator, and does what is answered."""

from __future__ import annotations

import pytest

from flowworker.core import facts
from flowworker.core.answer import Decision
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Emit, Save
from flowworker.core.event_types import EventType
from flowworker.core.payload import EMPTY
from flowworker.core.status import HumanAction, Kind, RunStatus, StepStatus
from tests.core.dsl import Run, out, step

RETRY, CANCEL, SKIP, COMPLETE = (
    HumanAction.RETRY,
    HumanAction.CANCEL,
    HumanAction.SKIP,
    HumanAction.COMPLETE,
)
WAITING = StepStatus.WAITING_HUMAN


def waiting() -> Run:
    return Run(step("a", human=True, undo=True), step("b", "a")).starts().fails("a")


def test_a_step_without_any_other_way_waits_for_a_human():
    run = waiting()

    assert run.effects == (
        Save(RunStatus.RUNNING),
        Emit(EventType.WAITING_HUMAN, "a/1", step_id="a", reason="Broken: it broke"),
    )
    assert run.status is RunStatus.WAITING_HUMAN
    assert run.is_at("a") is WAITING
    assert run.state.waiting == {"a"}
    assert not run.state.inflight


def test_retries_and_fallback_come_first():
    run = Run(step("a", attempts=2, fallback=True, human=True)).starts().fails("a", "a")

    assert run.dispatched == ["else a"]
    assert run.fails("a").published == ["waiting_human a"]


def test_retry_begins_the_whole_policy_again():
    run = Run(step("a", attempts=2, fallback=True, human=True)).starts().fails("a", "a", "a")

    assert run.is_answered(RETRY).status is RunStatus.RUNNING
    assert run.saved
    assert run.dispatched == ["a@2"]
    assert run.is_at("a") is StepStatus.RUNNING

    assert run.fails("a").dispatched == ["a@2#2"]
    assert run.fails("a").dispatched == ["else a@2"]
    run.fails("a")
    assert run.emits == [
        Emit(EventType.WAITING_HUMAN, "a/2", step_id="a", reason="Broken: it broke")
    ]
    run.is_answered(RETRY).completes("a")
    assert run.status is RunStatus.COMPLETED
    assert run.state.record.decisions["a"] == (Decision(1, RETRY), Decision(2, RETRY))


def test_skip_goes_on_without_an_output():
    run = waiting().is_answered(SKIP)

    assert run.emits == [Emit(EventType.STEP_SKIPPED, "a/1", step_id="a")]
    assert run.dispatched == ["b"]
    assert run.is_at("a") is StepStatus.SKIPPED
    assert run.completes("b").status is RunStatus.COMPLETED
    assert run.state.steps["a"].output is None


def test_a_skipped_step_is_not_compensated():
    run = waiting().is_answered(SKIP).fails("b")

    assert run.published == ["step.failed b", "failed"]


@pytest.mark.parametrize(("given", "kept"), [(out("mine"), out("mine")), (None, EMPTY)])
def test_complete_goes_on_with_the_operators_output(given, kept):
    run = waiting().is_answered(COMPLETE, output=given)

    assert run.emits == [Emit(EventType.STEP_COMPLETED, "a/1", step_id="a")]
    assert run.dispatched == ["b"]
    assert run.is_at("a") is StepStatus.COMPLETED
    assert run.state.steps["a"].output == kept


def test_what_a_human_completed_is_compensated():
    run = waiting().is_answered(COMPLETE).fails("b")

    assert run.dispatched == ["undo a"]


def test_cancel_fails_the_step_and_the_run():
    run = waiting().is_answered(CANCEL)

    assert run.published == ["step.failed a", "failed"]
    assert run.state.record.error == "step 'a' failed: Cancelled: cancelled by operator"
    assert run.is_at("a") is StepStatus.FAILED


def test_several_steps_wait_at_once():
    run = Run(*(step(id_, human=True) for id_ in "abc"), step("d", "a", "b", "c")).starts()

    run.fails("a", "b")
    assert run.published == ["waiting_human b"]
    assert Save not in map(type, run.effects)
    assert run.state.waiting == {"a", "b"}

    # which one is meant must be said
    assert run.is_answered(SKIP).effects == ()
    assert run.is_answered(SKIP, "a").status is RunStatus.WAITING_HUMAN
    assert run.fails("c").is_answered(RETRY, "b").status is RunStatus.WAITING_HUMAN
    assert run.dispatched == ["b@2"]
    assert run.is_answered(COMPLETE).status is RunStatus.RUNNING
    assert run.completes("b").dispatched == ["d"]


def test_others_go_on_while_a_step_waits():
    run = Run(step("a", human=True), step("b"), step("c", "b")).starts().fails("a")

    assert run.completes("b").dispatched == ["c"]
    assert run.status is RunStatus.WAITING_HUMAN
    run.completes("c")
    assert run.status is RunStatus.WAITING_HUMAN
    assert run.is_answered(SKIP).status is RunStatus.COMPLETED


@pytest.mark.parametrize("id_", ["", "b", "unknown"])
def test_an_answer_that_nobody_waits_for_changes_nothing(id_):
    run = Run(step("a", human=True), step("b")).starts()
    before = run.state

    for action in HumanAction:
        assert run.is_answered(action, id_).effects == ()
    assert run.state is before


def test_an_answer_that_comes_twice_is_followed_once():
    """Also when the step waits again by then."""
    run = waiting().is_answered(RETRY, answer="x").fails("a")
    before = run.state

    assert run.is_answered(RETRY, answer="x").effects == ()
    assert run.is_answered(RETRY, "a", answer="x").effects == ()
    assert run.state is before
    assert run.is_answered(RETRY, answer="y").dispatched == ["a@3"]


def test_a_failure_of_the_turn_before_is_an_old_event():
    run = waiting()
    record, revision = run.records["a"]
    assert record.error is not None
    old = facts.AttemptFailed("a", Attempt(Kind.RUN, 1, 1), record.error, revision, run.now)

    assert run.happens(old).effects == ()
    assert run.is_answered(RETRY).happens(old).effects == ()
    assert run.is_at("a") is StepStatus.RUNNING
