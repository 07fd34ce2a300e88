"""A run from records that are ahead of one another, and what was asked of it meanwhile."""

from __future__ import annotations

from msgspec.structs import replace

from flowworker.core.attempt import Attempt
from flowworker.core.effects import Save
from flowworker.core.facts import CancelRequested, HumanDecided
from flowworker.core.payload import EMPTY
from flowworker.core.records import ErrorInfo, StepRecord, Stop, StopReason
from flowworker.core.status import HumanAction, Kind, Outcome, RunStatus
from tests.core.dsl import RUN, Run, out, step, undoing

SKIP, COMPLETE = HumanAction.SKIP, HumanAction.COMPLETE


def test_what_a_human_completed_keeps_its_output_under_a_fence():
    run = (
        Run(step("a", human=True, undo=True), step("b", "a"))
        .starts()
        .fails("a")
        .is_answered(COMPLETE, output=out("mine"))
        .fails("b")
        .is_terminated()
    )
    revision = run.records["a"][1]
    run.is_fenced("a")
    record, at = run.records["a"]
    run.records["a"] = (replace(record, output=None, completed=revision), at)

    assert run.rebuilt().state.steps["a"].output == out("mine")


def test_a_saga_that_was_saved_and_never_published_is_published():
    run = undoing()

    rebuilt = run.rebuilt()

    assert rebuilt.emits[-1].steps_count == 3
    assert rebuilt.dispatched == ["undo backed"]


def test_a_failure_that_nobody_has_heard_of_is_decided_upon():
    run = Run(step("a"), step("b", "a")).starts()
    run.write("a", Outcome.FAILED, error=ErrorInfo("Broken", "it broke"), finished_at=run.now)

    rebuilt = run.rebuilt()

    assert rebuilt.effects[0] == Save(RunStatus.RUNNING)
    assert rebuilt.published == ["step.failed a", "failed"]


def test_a_failure_without_an_error_is_a_failure():
    run = Run(step("a")).starts()
    run.write("a", Outcome.FAILED)

    rebuilt = run.rebuilt()

    assert rebuilt.published == ["step.failed a", "failed"]
    assert "the record of the failure has no error" in rebuilt.state.record.error


def test_of_two_failures_the_first_one_stops_the_run():
    run = Run(step("a"), step("b")).starts().claims("a")
    run.write("b", Outcome.FAILED)
    run.write("a", Outcome.FAILED)

    rebuilt = run.rebuilt()

    assert rebuilt.published == ["step.failed b", "step.failed a", "failed"]
    assert rebuilt.state.record.stop is not None
    assert rebuilt.state.record.stop.step == "b"


def test_completions_that_nobody_has_heard_of_lead_on():
    run = Run(step("a"), step("b", "a"), step("c", "b")).starts()
    run.write("a", Outcome.COMPLETED, output=out("a"))
    run.state = run.state.with_step("b", attempt=Attempt(Kind.RUN, 1, 1))
    run.write("b", Outcome.COMPLETED)

    rebuilt = run.rebuilt()

    assert rebuilt.dispatched == ["c"]
    assert rebuilt.state.steps["a"].output == out("a")
    assert rebuilt.state.steps["b"].output == EMPTY


def test_records_of_unknown_steps_are_passed_over():
    run = Run(step("a")).starts()
    foreign = StepRecord(RUN, "x", Kind.COMPENSATE, 1, 1, Outcome.CANCELLED)
    run.records["x"] = (foreign, 9)

    assert run.rebuilt().dispatched == ["a"]


def test_a_checkpoint_made_before_the_first_attempt_is_no_failure():
    run = Run(step("a"), step("b", "a")).starts()
    for id_ in ("a", "b"):
        run.write(id_, Outcome.FAILED)
        record, revision = run.records[id_]
        run.records[id_] = (replace(record, number=0), revision)

    rebuilt = run.rebuilt()
    assert rebuilt.published == []
    assert rebuilt.dispatched == ["a"]
    assert rebuilt.state.steps["a"].revision == run.records["a"][1]

    run.completes("a")
    rebuilt = run.rebuilt()
    assert rebuilt.dispatched == ["b"]
    assert rebuilt.effects[0].revision == run.records["b"][1]  # type: ignore[union-attr]


# A run's record that was read before it changed, and records of steps that were read after


def test_a_fence_of_which_the_runs_record_does_not_know_leads_to_a_save():
    """It will be a conflict, and the run is read again."""
    run = Run(step("a"), step("b")).starts()
    before = run.stored
    run.is_cancelled().is_fenced("a")
    run.stored = before

    rebuilt = run.rebuilt()

    assert rebuilt.effects[0] == Save()
    assert rebuilt.dispatched == []
    assert rebuilt.state.record.stop is not None
    assert rebuilt.state.record.stop.reason is StopReason.CANCELLED


def test_so_does_a_saga_of_which_it_does_not_know():
    run = Run(step("a", undo=True), step("b", "a"), step("c", "b")).starts().completes("a")
    early = run.stored
    run.is_cancelled()
    stopping = run.stored
    run.is_fenced("b").claims("a")

    for stale in (early, stopping):
        run.stored = stale
        rebuilt = run.rebuilt()
        assert rebuilt.effects[0] == Save(RunStatus.RUNNING)
        assert rebuilt.dispatched == []


def test_so_does_a_saga_before_which_nothing_had_to_be_fenced():
    run = Run(step("a", undo=True), step("b", "a", human=True)).starts().completes("a").fails("b")
    stale = run.stored
    run.is_cancelled().claims("a")
    run.stored = stale

    rebuilt = run.rebuilt()

    assert rebuilt.effects[0] == Save(RunStatus.WAITING_HUMAN)


def test_so_does_a_terminate_of_which_it_does_not_know():
    run = undoing()
    stale = run.stored
    run.is_terminated().is_fenced("backed")
    run.stored = stale

    rebuilt = run.rebuilt()

    assert rebuilt.effects[0] == Save(RunStatus.COMPENSATING)
    assert rebuilt.dispatched == []


def test_what_was_asked_of_a_run_is_followed_before_anything_is_dispatched_again():
    run = Run(step("a"), step("b", "a", undo=True), step("c", "b")).starts().completes("a", "b")

    stopped = run.rebuilt(CancelRequested("enough"))

    assert stopped.dispatched == []
    assert stopped.fenced == ["c"]
    assert stopped.state.record.stop == Stop(StopReason.CANCELLED, "enough")
    assert stopped.saved


def test_what_was_asked_of_a_run_that_ends_by_it_is_followed_no_further():
    run = Run(step("a", human=True)).starts().fails("a")

    ended = run.rebuilt(CancelRequested("first"), HumanDecided(SKIP, "a"))

    assert ended.state.status is RunStatus.CANCELLED
    assert ended.state.record.error == "first"


def test_a_compensation_is_dispatched_again_though_its_run_is_stopping():
    assert undoing().rebuilt(CancelRequested()).dispatched == ["undo backed"]
