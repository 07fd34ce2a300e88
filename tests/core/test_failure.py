"""Retry, then fallback, then failure: events and attempts in the order of the design."""

from __future__ import annotations

import pytest

from flowworker.core import facts
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Dispatch, Emit, Save
from flowworker.core.event_types import EventType
from flowworker.core.records import ErrorInfo, StopReason
from flowworker.core.status import Kind, RunStatus, StepStatus
from tests.core.dsl import BROKEN, NOW, Run, out, step

DECLINED = ErrorInfo("CardDeclined", "no money")
HOPELESS = ErrorInfo("Broken", "for good", retryable=False)


def test_a_retry_comes_after_its_delay_and_over_the_record_of_the_failure():
    run = Run(step("a", attempts=2, interval=0.5)).starts()
    run.now += 10.0

    run.fails("a")

    (_, revision) = run.records["a"]
    assert run.effects == (
        Emit(
            EventType.STEP_RETRYING,
            "a/run/1.2",
            step_id="a",
            number=2,
            error="Broken: it broke",
            delay=0.5,
        ),
        Dispatch("a", Attempt(Kind.RUN, 1, 2), revision, due=NOW + 10.5),
    )
    assert run.is_at("a") is StepStatus.RETRYING
    assert run.state.steps["a"].due == NOW + 10.5


def test_a_retry_that_succeeds_leaves_no_trace_of_the_failure():
    run = Run(step("a", attempts=3), step("b", "a")).starts().fails("a").fails("a")

    assert run.dispatched == ["a#3"]
    assert run.completes("a").dispatched == ["b"]
    at = run.state.steps["a"]
    assert (at.status, at.error, at.due, at.attempt.number) == (StepStatus.COMPLETED, None, 0.0, 3)


def test_the_delay_counts_from_the_failure_not_from_when_it_was_heard_of():
    run = Run(step("a", attempts=2, interval=0.5)).starts()
    run.now += 60.0

    run.happens(facts.AttemptFailed("a", Attempt(Kind.RUN, 1, 1), BROKEN, 7, at=NOW + 1.0))

    assert [c.due for c in run.effects if isinstance(c, Dispatch)] == [NOW + 1.5]


@pytest.mark.parametrize("error", [DECLINED, HOPELESS])
def test_some_errors_are_not_retried(error):
    run = Run(step("a", attempts=5, non_retryable=("CardDeclined",))).starts()

    run.fails("a", error=error)

    assert run.dispatched == []
    assert run.published == ["step.failed a", "failed"]


def test_the_fallbacks_output_becomes_the_steps():
    run = Run(step("a", attempts=2, fallback=True), step("b", "a")).starts().fails("a")

    run.fails("a")
    assert run.emits == [
        Emit(
            EventType.STEP_FALLBACK,
            "a/run/1.2",
            step_id="a",
            number=2,
            error="Broken: it broke",
            fallback_to="else.a",
        )
    ]
    assert run.dispatched == ["else a"]
    assert run.is_at("a") is StepStatus.FALLBACK

    run.completes("a")
    assert run.dispatched == ["b"]
    assert run.state.steps["a"].output == out("a")
    assert run.state.steps["a"].attempt.kind is Kind.FALLBACK


def test_a_fallback_that_fails_is_not_tried_again():
    run = Run(step("a", attempts=2, fallback=True)).starts().fails("a", "a")

    run.fails("a")

    assert run.published == ["step.failed a", "failed"]
    assert run.status is RunStatus.FAILED


def test_a_failed_step_fails_the_run():
    run = Run(step("a"), step("b", "a")).starts().fails("a")

    record = run.state.record
    assert run.effects[0] == Save(RunStatus.RUNNING)
    assert run.emits == [
        Emit(EventType.STEP_FAILED, "a/1", step_id="a", error="Broken: it broke"),
        Emit(EventType.FAILED, error="step 'a' failed: Broken: it broke"),
    ]
    assert run.finished
    assert (record.status, record.error) == (
        RunStatus.FAILED,
        "step 'a' failed: Broken: it broke",
    )
    assert record.stop is not None
    assert (record.stop.reason, record.stop.step) == (StopReason.FAILED, "a")
    assert run.statuses() == {"a": StepStatus.FAILED, "b": StepStatus.CANCELLED}


@pytest.mark.parametrize(
    ("error", "text"), [(BROKEN, "Broken: it broke"), (ErrorInfo("Broken", ""), "Broken")]
)
def test_errors_read_as_one_line(error, text):
    assert str(error) == text
