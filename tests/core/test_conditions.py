"""Steps that run, or do not, depending on how others ended."""

from __future__ import annotations

from msgspec.structs import replace

from flowworker.core.decide import outruns
from flowworker.core.facts import Judged, StepCompleted, StepSkipped
from flowworker.core.model import Step, TriggerRule
from flowworker.core.status import HumanAction, RunStatus, SkipReason, StepStatus
from tests.core.dsl import BROKEN, Run, out, step

CANCELLED, COMPLETED, FAILED, PENDING, RUNNING, SKIPPED = (
    StepStatus.CANCELLED,
    StepStatus.COMPLETED,
    StepStatus.FAILED,
    StepStatus.PENDING,
    StepStatus.RUNNING,
    StepStatus.SKIPPED,
)


def optional(id_: str, *after: str, **policy) -> Step:
    """A step whose failure the run passes over."""
    return replace(step(id_, *after, **policy), continue_on_error=True)


def when(id_: str, *after: str, **policy) -> Step:
    """A step with a condition."""
    return replace(step(id_, *after, **policy), when="it holds")


def ruled(id_: str, rule: str, *after: str) -> Step:
    return replace(step(id_, *after), trigger_rule=TriggerRule(rule))


def skipped(run: Run) -> dict[str, str]:
    return {id_: at.skipped for id_, at in run.state.steps.items() if at.skipped}


def test_a_run_goes_on_after_a_failure_that_it_passes_over():
    run = Run(optional("a", undo=True), step("b"), step("c", "b")).starts().fails("a")

    assert run.published == ["step.failed a"]
    assert run.status is RunStatus.RUNNING
    assert not run.saved

    run.completes("b").completes("c")

    assert run.published == ["completed"]
    assert run.statuses() == {"a": FAILED, "b": COMPLETED, "c": COMPLETED}
    assert run.state.record.error == ""
    assert run.rebuilt().state == run.state


def test_all_of_its_policy_is_spent_before():
    run = Run(optional("a", attempts=2, fallback=True, human=True)).starts()

    assert run.fails("a").dispatched == ["a#2"]
    assert run.fails("a").dispatched == ["else a"]
    assert run.fails("a").status is RunStatus.WAITING_HUMAN
    assert run.is_answered(HumanAction.CANCEL).published == ["step.failed a", "completed"]


def test_what_failed_and_was_passed_over_is_not_undone():
    run = Run(optional("a", undo=True), step("b", undo=True), step("c", "b"))
    run.starts().fails("a").completes("b").fails("c")

    assert run.dispatched == ["undo b"]
    assert run.is_undone("b").status is RunStatus.FAILED


def test_steps_behind_a_failure_are_skipped_and_those_behind_them():
    run = Run(optional("a"), step("b", "a"), step("c", "b"), step("d")).starts().fails("a")

    assert run.published == ["step.failed a", "step.skipped b", "step.skipped c"]
    assert [emit.reason for emit in run.emits] == ["", "upstream_failed", "upstream_failed"]
    assert skipped(run) == dict.fromkeys("bc", SkipReason.UPSTREAM_FAILED)
    assert not run.saved
    assert run.completes("d").published == ["completed"]


def test_the_other_path_on_failure():
    def begun() -> Run:
        return Run(
            optional("pay"),
            step("ship", "pay"),
            ruled("refuse", "one_failed", "pay"),
            ruled("tell", "one_success", "ship", "refuse"),
        ).starts()

    run = begun().fails("pay")
    assert run.dispatched == ["refuse"]
    assert run.completes("refuse").dispatched == ["tell"]
    assert run.completes("tell").status is RunStatus.COMPLETED

    run = begun().completes("pay")
    assert run.dispatched == ["ship"]
    assert run.published == ["step.skipped refuse"]
    assert [emit.reason for emit in run.emits] == ["upstream"]
    assert run.completes("ship").completes("tell").status is RunStatus.COMPLETED


def test_a_step_that_an_operator_skips_counts_as_a_success():
    run = Run(step("a", human=True), step("b", "a"), ruled("c", "none_skipped", "a"))
    run.starts().fails("a").is_answered(HumanAction.SKIP)

    assert run.dispatched == ["b", "c"]
    assert skipped(run) == {}


def test_a_step_that_has_begun_early_is_not_touched_by_what_comes_later():
    run = Run(optional("a"), optional("b"), ruled("c", "one_success", "a", "b")).starts()

    assert run.completes("a").dispatched == ["c"]
    assert run.fails("b").effects[1:] == ()
    assert run.is_at("c") is RUNNING
    assert run.completes("c").status is RunStatus.COMPLETED


def test_always_begins_with_the_run():
    run = Run(step("a"), ruled("b", "always", "a")).starts()

    assert run.dispatched == ["a", "b"]
    assert run.completes("b").completes("a").status is RunStatus.COMPLETED


def test_what_is_skipped_because_of_others_is_so_also_in_a_run_that_stops():
    run = Run(optional("a"), step("b", "a"), step("c"), step("d", "c")).starts()
    run.is_cancelled().fails("a")

    assert run.published == ["step.failed a", "step.skipped b"]
    assert run.rebuilt().state == run.state
    run.is_fenced("c")
    assert run.statuses() == {"a": FAILED, "b": SKIPPED, "c": CANCELLED, "d": CANCELLED}
    assert run.viewed() == run.statuses()


def test_what_may_run_though_the_run_stops_is_fenced():
    run = Run(optional("a"), ruled("b", "one_failed", "a")).starts().is_cancelled()

    assert run.fails("a").fenced == ["b"]
    assert run.is_fenced("b").status is RunStatus.CANCELLED


def test_a_skipped_step_is_past_every_attempt():
    run = Run(optional("a"), step("b", "a"), step("c")).starts()
    attempt = run.state.steps["b"].attempt
    run.fails("a")

    assert run.happens(StepCompleted("b", attempt.next, out("b"), 99)).effects == ()


def test_a_condition_is_judged_before_its_step_starts():
    run = Run(step("a"), when("b", "a")).starts().completes("a")

    assert (run.asked, run.dispatched) == (["b"], [])
    assert run.viewed()["b"] is PENDING
    assert run.rebuilt().asked == ["b"]
    assert run.rebuilt().state == run.state

    run.is_judged("b", holds=True)
    assert (run.asked, run.dispatched) == ([], ["b"])
    assert run.is_judged("b", holds=True).effects == ()
    assert run.completes("b").status is RunStatus.COMPLETED


def test_a_step_whose_condition_is_false_is_skipped_with_those_behind_it():
    run = Run(when("a"), step("b", "a"), ruled("c", "none_failed", "a")).starts()
    run.is_judged("a", holds=False)

    assert run.dispatched == ["c"]
    assert [(emit.step_id, emit.reason) for emit in run.emits] == [("b", "upstream")]
    assert skipped(run) == {"a": SkipReason.WHEN, "b": SkipReason.UPSTREAM}
    assert not run.saved
    assert run.rebuilt().state == run.state
    assert run.happens(StepSkipped("a", run.revision)).effects == ()
    assert run.completes("c").status is RunStatus.COMPLETED


def test_a_run_may_skip_all_it_has():
    assert Run(when("a"), step("b", "a")).starts().is_judged("a", holds=False).published == [
        "step.skipped b",
        "completed",
    ]


def test_a_condition_without_a_value_fails_an_attempt_like_any_other():
    run = Run(when("a", attempts=2), step("b")).starts()
    error = replace(BROKEN, retryable=False)

    assert run.fails("a", error=error).published == ["step.failed a"]
    assert run.fenced == ["b"]


def test_a_run_that_begins_twice_judges_once():
    assert Run(when("a"), timeout=60.0).starts().starts().effects == ()


def test_a_run_that_stops_judges_nothing():
    # Given a step whose condition is being judged, and one that would be next
    run = Run(when("a"), optional("b"), when("c", "b")).starts()

    run.is_cancelled()
    assert (run.asked, run.fenced) == ([], ["a", "b"])
    assert run.is_judged("a", holds=True).effects == ()
    assert run.rebuilt().state == run.state

    run.completes("b")
    assert (run.asked, run.fenced) == ([], ["c"])
    run.is_fenced("a", "c")
    assert run.status is RunStatus.CANCELLED


def test_a_fence_may_find_that_the_condition_was_false():
    run = Run(when("a"), step("b", "a")).starts().is_cancelled().is_judged("a", holds=False)

    assert run.statuses() == {"a": SKIPPED, "b": SKIPPED}
    assert run.status is RunStatus.CANCELLED


def test_a_step_that_an_operator_has_tried_again_is_judged_again():
    # Given a step whose condition had no value
    run = Run(when("a", human=True), step("b", "a")).starts().fails("a")

    run.is_answered(HumanAction.RETRY)
    assert (run.asked, run.dispatched) == (["a"], [])
    assert run.rebuilt().asked == ["a"]
    assert run.rebuilt().state == run.state

    run.is_judged("a", holds=True)
    assert run.dispatched == ["a@2"]
    assert run.completes("a").dispatched == ["b"]


def test_a_step_that_is_to_be_tried_again_may_be_skipped():
    run = Run(when("a", human=True), step("b", "a")).starts().fails("a")

    run.is_answered(HumanAction.RETRY).is_judged("a", holds=False)

    assert run.status is RunStatus.COMPLETED
    assert skipped(run) == {"a": SkipReason.WHEN, "b": SkipReason.UPSTREAM}
    assert run.rebuilt().state == run.state


def test_a_step_that_is_judged_again_is_fenced_in_its_new_turn():
    run = Run(when("a", human=True)).starts().fails("a").is_answered(HumanAction.RETRY)

    assert run.is_cancelled().fenced == ["a@2"]
    assert run.is_fenced("a").status is RunStatus.CANCELLED


def test_a_foreign_step_is_neither_judged_nor_skipped():
    run = Run(when("a")).starts()

    assert run.happens(Judged("x")).happens(StepSkipped("x", 9)).effects == ()


def test_a_fact_of_a_condition_that_cannot_have_been_judged_says_that_more_has_happened():
    run = Run(step("a"), when("b", "a")).starts()

    assert outruns(run.plan, StepSkipped("b", 9), run.state)
    assert not outruns(run.plan, StepSkipped("b", 9), run.completes("a").state)
