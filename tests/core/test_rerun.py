"""What a rerun keeps and what it does again, of a run that has ended."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core.graph import Plan
from flowworker.core.model import End, Saga, Step, Workflow
from flowworker.core.rebuild import view
from flowworker.core.records import Rerun
from flowworker.core.rerun import plan_rerun
from flowworker.core.status import RunStatus
from tests.core.dsl import NOW, Run, step
from tests.core.rerunning import ALL, FAILED, chain, kept, planned, why


def test_what_was_completed_is_kept_and_what_failed_runs_with_all_behind_it():
    plan = planned(chain(), FAILED)

    assert kept(plan) == ["a", "side", "b"]
    assert why(plan) == {
        "a": "it is COMPLETED",
        "side": "it is COMPLETED",
        "b": "it is COMPLETED",
        "c": "it is FAILED",
        "d": "it is CANCELLED",
    }


def test_a_step_that_was_compensated_runs_again_and_takes_what_is_behind_it_along():
    plan = planned(chain(undo="a").is_undone("a"), FAILED)

    assert kept(plan) == ["side"]
    assert why(plan)["a"] == "it is COMPENSATED"
    assert why(plan)["b"] == "it depends on a, which runs again"


def test_a_step_whose_compensation_failed_runs_again():
    run = chain(undo="a").fails("a")

    assert run.status is RunStatus.FAILED
    assert kept(planned(run, FAILED)) == ["side"]


def test_a_failed_compensation_is_no_failure_that_was_passed_over():
    undone = replace(step("a", undo=True), continue_on_error=True)
    run = Run(undone, step("b"), step("c", "b")).starts().completes("a", "b").fails("c").fails("a")

    assert run.status is RunStatus.FAILED
    assert kept(planned(run, Rerun("c"))) == ["b"]


def test_from_a_step_it_runs_with_all_that_is_behind_it():
    run = chain()

    assert kept(planned(run, Rerun("b"))) == ["a", "side"]
    assert why(planned(run, Rerun("b")))["b"] == "the rerun begins here"
    assert kept(planned(run, Rerun("side"))) == ["a", "b"]


def test_without_a_point_everything_runs():
    plan = planned(chain(), ALL)

    assert kept(plan) == []
    assert set(why(plan).values()) == {"all steps run again"}


def test_if_nothing_would_run_that_is_said():
    run = Run(step("a")).starts().completes("a")

    plan = planned(run, FAILED)

    assert plan.problems == ("every step is completed, so nothing would run: say from which step",)
    assert kept(planned(run, Rerun("a"))) == []


@pytest.mark.parametrize(
    ("point", "hint"), [("sidee", "did you mean 'side'?"), ("zzz", "expected one of a, side, b")]
)
def test_a_point_that_is_no_step_is_refused(point: str, hint: str):
    (problem,) = planned(chain(), Rerun(point)).problems

    assert problem.startswith(f"the definition w has no step {point!r}: {hint}")


def test_of_many_steps_some_are_named():
    run = Run(*(step(f"s{n:02}") for n in range(20))).starts()

    (problem,) = planned(run, Rerun("zzz")).problems

    assert problem.endswith("s08, s09, …")


def test_finally_runs_at_the_end_of_each_run_and_is_no_reason_to_begin_one():
    plan = Plan(Workflow("w", (step("a"), step("b", "a")), finally_=(step("z"),)), "h")
    state = view(
        plan,
        *(done := Run(step("a"), step("b", "a")).starts().completes("a", "b")).stored,
        done.records,
        NOW,
    )

    again = plan_rerun(plan, state, plan, Rerun("b"))

    assert why(again)["z"] == "`finally` runs at the end of each run"
    assert kept(again) == ["a"]
    assert plan_rerun(plan, state, plan, FAILED).problems
    assert kept(plan_rerun(plan, state, plan, Rerun("z"))) == ["a", "b"]


# -- another definition --------------------------------------------------------------------


def test_a_step_that_ended_its_run_is_never_kept():
    ends = Step("ends", end=End(), depends_on=("a",))
    run = (
        Run(step("a"), ends, step("b", "a"))
        .starts()
        .completes("a")
        .completes("ends")
        .is_fenced("b")
    )

    plan = planned(run, FAILED)

    assert kept(plan) == ["a"]
    assert why(plan)["ends"] == "it is decided anew whether the run ends here"


def test_how_a_kept_step_is_executed_may_have_changed():
    policy = replace(step("b", "a", attempts=7, fallback=True, human=True), queue="q", timeout=9.0)
    saga = replace(step("a"), saga=Saga("undo"))

    plan = planned(chain(), FAILED, saga, policy, step("c", "b"), step("side"))

    assert kept(plan) == ["a", "side", "b"]


def test_the_order_of_dependencies_is_of_no_importance():
    run = Run(step("a"), step("b"), step("join", "a", "b"), step("c", "join"))
    run.starts().completes("a", "b", "join").fails("c")

    plan = planned(run, FAILED, step("a"), step("b"), step("join", "b", "a"), step("c", "join"))

    assert kept(plan) == ["a", "b", "join"]


def test_a_new_step_runs_and_so_does_what_is_behind_it():
    plan = planned(chain(), FAILED, step("a"), step("new", "a"), step("b", "new"), step("side"))

    assert kept(plan) == ["a", "side"]
    assert why(plan)["new"] == "it is new in this definition"


@pytest.mark.parametrize(
    ("changed", "field"),
    [(Step("b", "other", ("a",)), "uses"), (step("b", "a", "side"), "depends_on")],
)
def test_a_kept_step_that_means_something_else_is_refused_by_name(changed: Step, field: str):
    plan = planned(chain(), FAILED, step("a"), changed, step("c", "b"), step("side"))

    assert plan.problems == (
        f"step 'b' is kept, and has another `{field}` in the definition w v2: take the definition "
        "of the run, or begin from a step before it",
    )


def test_a_kept_step_that_is_gone_is_refused_by_name():
    plan = planned(chain(), FAILED, step("a"), step("b", "a"), step("c", "b"))

    (problem,) = plan.problems
    assert problem.startswith("step 'side' is kept, and is not in the definition w v2")


def test_what_runs_again_may_have_changed_or_be_gone():
    plan = planned(chain(), Rerun("b"), step("a"), Step("b", "other", ("a",)), step("side"))

    assert kept(plan) == ["a", "side"]
