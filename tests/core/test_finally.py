"""What runs when all else is over, and how little it changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from flowworker.core.graph import Plan
from flowworker.core.model import Workflow
from flowworker.core.status import HumanAction, Outcome, RunStatus, StepStatus
from flowworker.errors import DefinitionError
from tests.core.dsl import Run, step

CLOSING = (step("tidy", attempts=2), step("tell", "tidy"), step("log"))


def begun(*steps, timeout: float | None = None) -> Run:
    work = steps or (step("a", undo=True), step("b", "a"))
    return Run(*work, timeout=timeout, closing=CLOSING).starts()


ENDS: dict[str, tuple[Callable[[], Run], RunStatus, str]] = {
    "completed": (lambda: begun().completes("a", "b"), RunStatus.COMPLETED, ""),
    "failed": (
        lambda: begun().completes("a").fails("b").is_undone("a"),
        RunStatus.FAILED,
        "step 'b' failed: Broken: it broke",
    ),
    "cancelled": (
        lambda: begun().completes("a").is_cancelled("no more").is_fenced("b").is_undone("a"),
        RunStatus.CANCELLED,
        "no more",
    ),
    "cancelled with nothing to undo": (
        lambda: begun(step("a")).is_cancelled("no more").is_fenced("a"),
        RunStatus.CANCELLED,
        "no more",
    ),
    "cancelled too late": (
        lambda: begun(step("a")).is_cancelled("no more").completes("a"),
        RunStatus.CANCELLED,
        "no more",
    ),
    "timed out": (
        lambda: begun(step("a"), timeout=60.0).times_out().is_fenced("a"),
        RunStatus.FAILED,
        "workflow timed out after 60 s",
    ),
}
ALL_ENDS = pytest.mark.parametrize(("life", "status", "error"), ENDS.values(), ids=ENDS)


def test_nothing_of_it_starts_before_all_else_is_over():
    run = begun()

    assert run.dispatched == ["a"]
    assert run.completes("a").dispatched == ["b"]
    assert run.viewed()["log"] is StepStatus.PENDING


@ALL_ENDS
def test_it_runs_whatever_the_end_is_and_the_end_comes_after_it(life, status, error):
    run = life()

    assert run.dispatched == ["tidy", "log"]
    assert run.saved
    assert (run.status, run.state.record.ending) == (RunStatus.RUNNING, status)
    assert run.state.record.error == error
    assert run.rebuilt().state == run.state

    assert run.completes("log", "tidy").dispatched == ["tell"]
    run.completes("tell")

    assert run.status is status
    assert run.published == [status.lower()]
    assert run.finished
    assert replace(run.rebuilt().state, saga=None) == replace(run.state, saga=None)
    assert run.viewed() == run.statuses()


@ALL_ENDS
def test_its_failure_is_published_and_changes_nothing(life, status, error):
    run = life().fails("tidy")
    assert run.dispatched == ["tidy#2"]

    run.fails("tidy")
    assert run.published == ["step.failed tidy", "step.skipped tell"]
    assert run.rebuilt().state == run.state

    run.completes("log")
    assert (run.status, run.state.record.error) == (status, error)


@ALL_ENDS
def test_neither_a_cancel_nor_the_timeout_touches_it(life, status, error):
    run = life()

    assert run.is_cancelled("too late").effects == ()
    assert run.times_out().effects == ()
    assert run.completes("log", "tidy", "tell").status is status
    assert run.state.record.error == error


@ALL_ENDS
def test_a_terminate_ends_it(life, status, error):
    run = life().completes("log").is_terminated("stop it")

    assert run.fenced == ["tidy!"]
    assert run.rebuilt().state == run.state

    run.is_fenced("tidy")

    assert (run.status, run.state.record.error) == (RunStatus.CANCELLED, "stop it")
    assert run.is_at("tell") is StepStatus.CANCELLED
    assert replace(run.rebuilt().state, saga=None) == replace(run.state, saga=None)


def test_a_terminate_before_it_lets_nothing_of_it_start():
    run = begun().is_terminated("stop it").is_fenced("a")

    assert run.status is RunStatus.CANCELLED
    assert {run.is_at(id_) for id_ in run.plan.closing} == {StepStatus.CANCELLED}
    assert run.viewed() == run.statuses()


def test_that_it_was_terminated_shows_in_the_records_before_the_run_says_so():
    # Given a fence of another coordinator, whose record of the run was read too early
    run = begun().completes("a", "b")
    run.write("log", Outcome.CANCELLED)

    rebuilt = run.rebuilt()

    assert rebuilt.fenced == ["tidy!"]
    assert rebuilt.saved


def test_a_human_may_be_asked_in_it():
    run = Run(step("a"), closing=(step("tidy", human=True),)).starts().completes("a")

    assert run.fails("tidy").status is RunStatus.WAITING_HUMAN
    assert run.rebuilt().state == run.state
    assert run.is_answered(HumanAction.SKIP).status is RunStatus.COMPLETED


def test_its_steps_come_after_all_others():
    plan = begun().plan

    assert plan.order == ("a", "b", "tidy", "log", "tell")
    assert plan.closing == ("tidy", "log", "tell")
    assert plan.leaves == ("b",)
    assert plan.ancestors("tell") == ("a", "b", "tidy")
    assert [id_ for id_ in plan.order if plan.closes(id_)] == ["tidy", "log", "tell"]


@pytest.mark.parametrize(
    ("closing", "problem"),
    [
        ([step("a")], "duplicate step ids"),
        ([step("x", "a")], "step 'x' depends on unknown step 'a'"),
        ([step("x", "y"), step("y", "x")], "deadlock detected"),
    ],
)
def test_a_plan_refuses_what_cannot_be_run(closing, problem):
    with pytest.raises(DefinitionError, match=problem):
        Plan(Workflow("w", (step("a"),), finally_=tuple(closing)), "h")
