"""What a rerun has of the run before it, and how it goes on behind that."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core import facts
from flowworker.core.effects import Dispatch
from flowworker.core.model import TriggerRule
from flowworker.core.payload import EMPTY
from flowworker.core.rebuild import view
from flowworker.core.records import Rerun, RunRecord
from flowworker.core.rerun import kept_record
from flowworker.core.status import HumanAction, Outcome, RunStatus, StepStatus
from tests.core.dsl import NOW, Run, out, step
from tests.core.rerunning import FAILED, chain, ended, kept, planned, why

NEW = "r2"


def reran(run: Run, wanted: Rerun) -> Run:
    """The rerun, as its first coordinator rebuilds it from what was written down."""
    new = Run(*run.plan.workflow.steps)
    new.revision = run.revision
    state = ended(run)
    for id_ in kept(planned(run, wanted)):
        new.revision += 1
        if id_ not in run.records:
            continue
        found, _ = run.records[id_]
        new.records[id_] = (kept_record(NEW, "r1", state, id_, found), new.revision)
    new.revision += 1
    record = RunRecord(NEW, "w", "h", RunStatus.RUNNING, EMPTY, NOW, rerun_of="r1", rerun=wanted)
    new.stored = (record, new.revision)
    return new.rebuilt()


def test_a_rerun_goes_on_behind_what_it_keeps():
    run = reran(chain(), FAILED)

    assert run.dispatched == ["c"]
    assert run.state.steps["b"].output == out("b")
    assert run.records["b"][0].kept_from == "r1"
    assert run.records["b"][0].is_kept

    run.completes("c", "d")

    assert run.status is RunStatus.COMPLETED
    assert run.rebuilt().statuses() == run.statuses()


def test_a_rerun_that_fails_undoes_what_it_has_kept_in_the_order_of_its_completion():
    before = Run(step("a", undo=1), step("b", "a", undo=1), step("c", "b"))
    before.starts().completes("a", "b", "c")

    run = reran(before, Rerun("c")).fails("c")

    assert run.dispatched == ["undo b"]
    assert run.rebuilt().dispatched == ["undo b"]
    run.is_undone("b")
    assert run.dispatched == ["undo a"]
    run.is_undone("a")
    assert run.status is RunStatus.FAILED
    assert not run.records["a"][0].is_kept


def test_the_claim_of_a_compensation_must_find_the_kept_record():
    before = Run(step("a", undo=1), step("b", "a")).starts().completes("a", "b")

    run = reran(before, Rerun("b")).fails("b")

    (undo,) = (effect for effect in run.rest if isinstance(effect, Dispatch))
    assert (undo.step, undo.revision) == ("a", run.records["a"][1])


def test_a_rerun_of_a_rerun_knows_who_executed_a_step():
    first = reran(chain(), FAILED).fails("c")
    state = view(first.plan, *first.stored, first.records, first.now)

    record = kept_record("r3", NEW, state, "b", first.records["b"][0])

    assert record.kept_from == "r1"
    assert record.completed == chain().records["b"][1]


def test_what_an_operator_completed_is_kept_with_the_output_that_was_given():
    before = Run(step("a", human=True), step("b", "a")).starts().fails("a")
    before.is_answered(HumanAction.COMPLETE, output=out("mine")).fails("b")

    run = reran(before, FAILED)

    assert run.state.steps["a"].output == out("mine")
    assert run.dispatched == ["b"]


def test_what_an_operator_skipped_stays_skipped_and_is_not_undone():
    before = Run(step("a", human=True, undo=1), step("b", "a")).starts().fails("a")
    before.is_answered(HumanAction.SKIP).fails("b")

    run = reran(before, FAILED)

    assert run.is_at("a") is StepStatus.SKIPPED
    assert run.viewed() == {"a": StepStatus.SKIPPED, "b": StepStatus.PENDING}
    run.fails("b")
    assert run.status is RunStatus.FAILED
    assert run.dispatched == []


def test_a_condition_that_was_false_is_not_judged_again():
    run = Run(replace(step("a"), when="false"), step("b", "a"), step("c"))
    run.starts()
    run.happens(facts.StepSkipped("a", run.write("a", Outcome.SKIPPED, reason="when")))
    run.fails("c")

    again = reran(run, FAILED)

    assert again.dispatched == ["c"]
    assert again.statuses()["a"] is again.statuses()["b"] is StepStatus.SKIPPED
    assert again.records["a"][0].reason == "when"
    assert again.records["a"][0].noted is None
    assert again.completes("c").status is RunStatus.COMPLETED


def passed_over() -> Run:
    """`shaky` failed and was passed over; `mend` ran because of that, `well` was skipped."""
    run = Run(
        replace(step("shaky"), continue_on_error=True),
        replace(step("mend", "shaky"), trigger_rule=TriggerRule.ONE_FAILED),
        replace(step("well", "shaky"), trigger_rule=TriggerRule.ALL_SUCCESS),
        replace(step("join", "mend", "well"), trigger_rule=TriggerRule.ALL_DONE),
    )
    return run.starts().fails("shaky").completes("mend", "join")


def test_a_failure_that_was_passed_over_is_kept_with_what_followed_if_a_later_step_is_named():
    run = reran(passed_over(), Rerun("join"))

    assert run.statuses() == {
        "shaky": StepStatus.FAILED,
        "mend": StepStatus.COMPLETED,
        "well": StepStatus.SKIPPED,
        "join": StepStatus.RUNNING,
    }
    assert run.state.steps["shaky"].error == passed_over().state.steps["shaky"].error
    assert set(run.records) == {"shaky", "mend"}
    assert run.completes("join").status is RunStatus.COMPLETED


def test_a_failure_that_was_passed_over_is_done_again_with_what_failed():
    plan = planned(passed_over(), FAILED)

    assert kept(plan) == []
    assert why(plan)["shaky"] == "it is FAILED"


@pytest.mark.parametrize(
    ("status", "rerun_of", "is_prepared"),
    [
        (RunStatus.PENDING, "", True),
        (RunStatus.PENDING, "r1", False),
        (RunStatus.RUNNING, "r1", True),
    ],
)
def test_a_rerun_is_driven_when_all_is_there_that_it_keeps(status, rerun_of, is_prepared):
    record = RunRecord(NEW, "w", "h", status, EMPTY, NOW, rerun_of=rerun_of)

    assert (record.is_prepared, record.has_begun) == (is_prepared, is_prepared)
    assert not replace(record, begins_at=1.0).has_begun
