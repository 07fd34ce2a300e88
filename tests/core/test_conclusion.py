"""What a run results in: asked once everything is over, before the record says so."""

from __future__ import annotations

from msgspec.structs import replace

from flowworker.core import facts
from flowworker.core.effects import Conclude, Emit, Finish, Save
from flowworker.core.event_types import EventType
from flowworker.core.graph import Plan
from flowworker.core.rebuild import rebuild
from flowworker.core.records import ErrorInfo
from flowworker.core.status import RunStatus, StepStatus
from tests.core.dsl import NOW, Run, out, step

MISFIT = ErrorInfo("ExpressionError", "no such key", retryable=False)


def concluding(*steps):
    """A run whose workflow says what it results in."""
    run = Run(*steps)
    run.plan = Plan(replace(run.plan.workflow, output={"v": "${steps.a.output}"}), "h")
    return run.starts()


def again(run, *requests):
    """The run as a coordinator finds it that knows its records alone."""
    record, revision = run.stored
    return rebuild(run.plan, record, revision, run.records, NOW, requests=requests)


def test_a_run_that_is_over_is_asked_for_its_result_before_it_ends():
    run = concluding(step("a")).completes("a")

    assert run.effects == (Conclude(),)
    assert run.status is RunStatus.RUNNING

    run.happens(facts.Concluded(output=out("it")))

    assert run.effects == (Save(RunStatus.RUNNING), Emit(EventType.COMPLETED), Finish())
    assert run.state.record.output == out("it")


def test_without_an_output_nothing_is_asked():
    run = Run(step("a")).starts().completes("a")
    assert run.status is RunStatus.COMPLETED
    assert run.state.record.output is None


def test_an_output_that_cannot_be_made_fails_the_run_and_undoes_it():
    run = concluding(step("a", undo=True)).completes("a")

    run.happens(facts.Concluded(error=MISFIT))

    assert run.dispatched == ["undo a"]
    assert run.status is RunStatus.COMPENSATING
    ended = run.is_undone("a").state.record
    assert ended.status is RunStatus.FAILED
    assert ended.error == "output: ExpressionError: no such key"


def test_what_was_asked_is_asked_again_of_the_records():
    run = concluding(step("a")).completes("a")

    state, effects = again(run)

    assert effects == (Conclude(),)
    assert state == run.state


def test_a_request_comes_before_the_question():
    run = concluding(step("a", undo=True)).completes("a")

    state, effects = again(run, facts.CancelRequested("enough"))

    assert Conclude() not in effects
    assert state.status is RunStatus.COMPENSATING


def test_a_fact_that_comes_twice_asks_again():
    run = concluding(step("a")).completes("a")
    at = run.state.steps["a"]

    run.happens(facts.StepCompleted("a", at.attempt, out("a"), at.revision))

    assert run.effects == (Conclude(),)


def test_an_answer_out_of_place_changes_nothing():
    early = concluding(step("a"))
    before = early.state
    assert early.happens(facts.Concluded(output=out("it"))).state == before
    assert early.effects == ()

    stopped = concluding(step("a"), step("b")).completes("a").is_cancelled()
    before = stopped.state
    assert stopped.happens(facts.Concluded(output=out("it"))).state == before

    ended = concluding(step("a")).completes("a").happens(facts.Concluded(output=out("it")))
    before = ended.state
    assert ended.happens(facts.Concluded(error=MISFIT)).state == before
    assert ended.is_at("a") is StepStatus.COMPLETED
