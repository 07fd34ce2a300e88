"""Compensations: one by one, in reverse order of completion, each with its own retries."""

from __future__ import annotations

from flowworker.core import facts, stopping
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Dispatch, Emit, Fence, Save
from flowworker.core.event_types import EventType
from flowworker.core.status import Kind, RunStatus, StepStatus
from flowworker.core.stopping import compensations
from tests.core.dsl import BROKEN, NOW, Run, step


def failing(*, undo: int = 1, critical: bool = False) -> Run:
    """`c` completed first, then `a`, then `b`; `d` failed; `c` needs no compensation."""
    return (
        Run(
            step("a", undo=undo, critical=critical),
            step("b", undo=undo),
            step("c"),
            step("d", "a", "b", "c"),
        )
        .starts()
        .completes("c", "a", "b")
        .fails("d")
    )


def test_compensations_run_one_by_one_in_reverse_order_of_completion():
    run = failing()

    (_, revision) = run.records["b"]
    assert run.effects == (
        Save(RunStatus.RUNNING),
        Emit(EventType.STEP_FAILED, "d/1", step_id="d", error="Broken: it broke"),
        Emit(EventType.COMPENSATING, steps_count=2, error="step 'd' failed: Broken: it broke"),
        Dispatch("b", Attempt(Kind.COMPENSATE, 1, 1), revision),
    )
    assert run.status is RunStatus.COMPENSATING
    assert run.is_at("b") is StepStatus.COMPENSATING
    assert run.state.saga == ("b", "a")

    assert run.is_undone("b").dispatched == ["undo a"]
    assert not run.saved
    assert run.is_undone("a").status is RunStatus.FAILED
    assert run.published == ["failed"]
    assert run.moved_from is RunStatus.COMPENSATING
    assert run.statuses() == {
        "a": StepStatus.COMPENSATED,
        "b": StepStatus.COMPENSATED,
        "c": StepStatus.COMPLETED,
        "d": StepStatus.FAILED,
    }


def test_what_is_to_be_compensated():
    run = failing()
    run.state = run.state.with_step("b", status=StepStatus.SKIPPED)

    assert compensations(run.plan, run.state) == ("a",)


def test_the_saga_begins_only_when_nothing_is_in_flight():
    run = Run(step("a", undo=True), step("b"), step("c")).starts().completes("a").fails("b")

    assert run.published == ["step.failed b"]
    assert run.fenced == ["c"]
    assert run.is_fenced("c").published == ["compensating"]
    assert run.dispatched == ["undo a"]


def test_without_anything_completed_there_is_no_saga():
    run = Run(step("a", undo=True), step("b", "a", undo=True)).starts().fails("a")

    assert run.published == ["step.failed a", "failed"]


def test_without_any_compensation_there_is_no_saga():
    run = Run(step("a"), step("b", "a")).starts().completes("a").fails("b")

    assert run.published == ["step.failed b", "failed"]


def test_a_compensation_is_retried():
    run = failing(undo=2).fails("b")

    assert run.effects == (
        Emit(
            EventType.STEP_RETRYING,
            "b/compensate/1.2",
            step_id="b",
            number=2,
            error="Broken: it broke",
            delay=0.1,
        ),
        Dispatch("b", Attempt(Kind.COMPENSATE, 1, 2), run.records["b"][1], due=NOW + 0.1),
    )
    assert run.is_undone("b").dispatched == ["undo a"]
    assert run.state.steps["b"].error is None


def test_a_compensation_that_fails_is_recorded_and_the_rest_still_run():
    run = failing(undo=2).fails("b").fails("b")

    assert run.effects == (
        Save(),
        Emit(EventType.STEP_COMPENSATION_FAILED, "b", step_id="b", error="Broken: it broke"),
        Dispatch("a", Attempt(Kind.COMPENSATE, 1, 1), run.records["a"][1]),
    )
    assert run.is_at("b") is StepStatus.FAILED
    run.is_undone("a")
    assert run.emits == [
        Emit(
            EventType.FAILED,
            error="step 'd' failed: Broken: it broke",
            failed_compensations=("b",),
        )
    ]
    assert run.state.record.failed_compensations == ("b",)
    assert not run.state.record.needs_attention


def test_a_critical_compensation_that_fails_needs_attention():
    run = failing(critical=True).is_undone("b").fails("a")

    assert run.emits[0].reason == "critical"
    assert run.state.record.needs_attention
    assert run.state.record.failed_compensations == ("a",)
    assert run.status is RunStatus.FAILED


def test_attention_once_needed_stays_needed():
    run = (
        Run(step("a", undo=1), step("b", undo=1, critical=True), step("c"))
        .starts()
        .completes("a", "b")
        .fails("c", "b", "a")
    )

    assert run.state.record.failed_compensations == ("b", "a")
    assert run.state.record.needs_attention


def test_cancel_during_the_saga_changes_nothing():
    run = failing()
    before = run.state

    assert run.is_cancelled().effects == ()
    assert run.times_out().effects == ()
    assert run.state is before


def test_terminate_during_the_saga_revokes_the_compensation_and_starts_no_other():
    run = failing().is_terminated()

    assert run.effects == (
        Save(),
        Fence("b", Attempt(Kind.COMPENSATE, 1, 1), force=True, revision=4),
    )
    run.is_fenced("b")
    assert run.published == ["cancelled"]
    assert run.status is RunStatus.CANCELLED
    assert run.is_at("b") is StepStatus.CANCELLED
    assert run.is_at("a") is StepStatus.COMPLETED


def test_a_compensation_that_beat_the_terminate_may_have_started_the_next_one():
    """With a coordinator that did not know of the terminate."""
    run = failing().is_terminated().is_undone("b")

    assert run.dispatched == []
    assert run.fenced == ["undo a!"]
    assert run.is_fenced("a").status is RunStatus.CANCELLED
    assert run.is_at("b") is StepStatus.COMPENSATED


def test_a_compensation_that_failed_after_a_terminate_is_not_tried_again():
    run = failing(undo=2).is_terminated().fails("b")

    assert run.published == []
    assert run.fenced == ["undo b#2!"]
    assert run.is_fenced("b").status is RunStatus.CANCELLED


def test_a_compensation_that_failed_for_good_after_a_terminate_is_recorded():
    run = failing().is_terminated().fails("b")

    assert run.published == ["step.compensation_failed b"]
    assert run.fenced == ["undo a!"]
    assert run.is_fenced("a").emits == [
        Emit(EventType.CANCELLED, error="terminated by operator", failed_compensations=("b",))
    ]


def test_events_of_other_steps_change_nothing_during_the_saga():
    run = failing()
    before = run.state

    for event in (
        facts.Compensated("a", 9),
        facts.Compensated("c", 9),
        facts.Compensated("unknown", 9),
        facts.AttemptFailed("a", Attempt(Kind.COMPENSATE, 1, 1), BROKEN, 9, NOW),
        facts.AttemptFailed("b", Attempt(Kind.RUN, 1, 1), BROKEN, 9, NOW),
        facts.StepCancelled("a", 9),
    ):
        assert run.happens(event).effects == ()
    assert run.state is before


def test_a_compensation_that_is_published_twice_counts_once():
    run = failing().is_undone("b")
    before = run.state

    assert run.happens(facts.Compensated("b", run.records["b"][1])).effects == ()
    assert run.state is before


def test_a_record_names_no_more_failed_compensations_than_it_has_room_for(monkeypatch):
    monkeypatch.setattr(stopping, "MAX_NAMED", 1)

    run = failing(critical=True).fails("b").fails("a")

    assert run.state.record.failed_compensations == ("b",)
    assert run.state.record.needs_attention
    assert [run.is_at(id_) for id_ in "ab"] == [StepStatus.FAILED, StepStatus.FAILED]
