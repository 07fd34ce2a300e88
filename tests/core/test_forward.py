"""The way forward: what is ready is dispatched, until every step is resolved."""

from __future__ import annotations

from flowworker.core import facts
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Dispatch, Emit, Finish, Save
from flowworker.core.event_types import EventType
from flowworker.core.status import Kind, RunStatus, StepStatus
from tests.core.dsl import NOW, Run, out, step

DONE = StepStatus.COMPLETED


def test_a_chain_runs_one_step_after_the_other():
    run = Run(step("a"), step("b", "a"), step("c", "b"))

    assert run.starts().dispatched == ["a"]
    assert run.completes("a").dispatched == ["b"]
    assert run.completes("b").dispatched == ["c"]
    assert not run.saved
    run.completes("c")

    assert run.effects == (Save(RunStatus.RUNNING), Emit(EventType.COMPLETED), Finish())
    assert run.status is RunStatus.COMPLETED
    assert run.state.record.finished_at == run.now
    assert run.statuses() == {"a": DONE, "b": DONE, "c": DONE}


def test_a_dispatch_names_the_attempt_and_what_its_claim_must_find():
    run = Run(step("a")).starts()

    assert run.effects == (Dispatch("a", Attempt(Kind.RUN, 1, 1), revision=0, lost=0, due=0.0),)
    assert run.is_at("a") is StepStatus.RUNNING
    assert set(run.state.inflight) == {"a"}


def test_the_arms_of_a_diamond_run_side_by_side():
    run = Run(step("d", "b", "c"), step("b", "a"), step("c", "a"), step("a")).starts()

    assert run.completes("a").dispatched == ["b", "c"]
    assert run.completes("c").dispatched == []
    assert run.is_at("d") is StepStatus.PENDING
    assert run.completes("b").dispatched == ["d"]
    assert run.completes("d").status is RunStatus.COMPLETED


def test_fan_out_and_fan_in():
    many = [f"m{number}" for number in range(50)]
    run = Run(step("first"), *(step(id_, "first") for id_ in many), step("last", *many)).starts()

    assert run.completes("first").dispatched == many
    for id_ in reversed(many[1:]):
        assert run.completes(id_).effects == ()
    assert run.completes("m0").dispatched == ["last"]
    assert run.completes("last").status is RunStatus.COMPLETED


def test_an_end_is_published_again_only_to_the_one_who_found_the_run_again():
    run = Run(step("a")).starts().completes("a")

    assert run.happens(facts.TimedOut()).effects == ()
    assert run.rebuilt().effects == (Emit(EventType.COMPLETED), Finish())


def test_steps_that_depend_on_nothing_start_together():
    run = Run(step("a"), step("b"), step("c", "a")).starts()

    assert run.dispatched == ["a", "b"]
    assert run.completes("b").effects == ()
    assert run.completes("a").dispatched == ["c"]


def test_a_dependency_that_is_named_twice_counts_once():
    run = Run(step("a"), step("b", "a", "a")).starts()

    assert run.completes("a").dispatched == ["b"]


def test_outputs_and_the_order_of_completion_are_kept():
    run = Run(step("a"), step("b")).starts().completes("b", "a")

    at = run.state.steps
    assert (at["a"].output, at["b"].output) == (out("a"), out("b"))
    assert at["b"].completed == at["b"].revision < at["a"].completed == at["a"].revision


def test_the_workflows_timeout_is_set_from_its_creation():
    run = Run(step("a"), timeout=60.0)
    run.now += 5.0

    assert run.starts().alarms == [NOW + 60.0]


def test_without_a_timeout_none_is_set():
    assert Run(step("a")).starts().alarms == []


def test_starting_twice_is_starting_once():
    run = Run(step("a"), timeout=60.0).starts()
    before = run.state

    assert run.starts().effects == ()
    assert run.state is before


def test_a_result_may_come_before_its_attempt_was_dispatched_here():
    """Another coordinator dispatched it; this one is late."""
    run = Run(step("a"), step("b", "a"))

    run.happens(facts.StepCompleted("a", Attempt(Kind.RUN, 1, 3), out("a"), 7))

    assert run.dispatched == ["b"]
    assert run.state.steps["a"].attempt == Attempt(Kind.RUN, 1, 3)
