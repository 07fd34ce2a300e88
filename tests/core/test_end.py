"""Steps that end their run."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core.facts import StepCompleted
from flowworker.core.model import End, EndStatus, Step
from flowworker.core.payload import EMPTY
from flowworker.core.records import Stop, StopReason
from flowworker.core.status import Outcome, RunStatus, StepStatus
from tests.core.dsl import Run, out, step

CANCELLED, COMPLETED = StepStatus.CANCELLED, StepStatus.COMPLETED


def ending(id_: str, *after: str, failed: bool = False) -> Step:
    status = EndStatus.FAILED if failed else EndStatus.COMPLETED
    return replace(step(id_, *after), uses="", end=End(status))


def begun(*, failed: bool = False, closing: tuple[Step, ...] = ()) -> Run:
    """`other` is in flight, and `later` behind it, when `stop` is dispatched."""
    run = Run(
        step("first", undo=True),
        step("other"),
        step("later", "other"),
        ending("stop", "first", failed=failed),
        closing=closing,
    )
    return run.starts().completes("first")


def ends(run: Run, reason: str = "nothing to do") -> Run:
    """A coordinator settles the step."""
    at = run.state.steps["stop"]
    changes = {"output": out("all"), "finished_at": run.now, "reason": reason}
    revision = run.write("stop", Outcome.COMPLETED, **changes)
    return run.happens(StepCompleted("stop", at.attempt, out("all"), revision, reason))


def test_a_run_ends_early_and_completed():
    run = ends(begun())

    assert run.fenced == ["other"]
    assert run.state.record.stop == Stop(StopReason.ENDED, "nothing to do", "stop")
    assert run.rebuilt().state == run.state

    run.is_fenced("other")
    assert run.status is RunStatus.COMPLETED
    assert [(emit.type, emit.reason) for emit in run.emits] == [
        ("workflow.completed", "nothing to do")
    ]
    assert (run.state.record.error, run.state.record.output) == ("", out("all"))
    assert run.statuses() == {
        "first": COMPLETED,
        "other": CANCELLED,
        "stop": COMPLETED,
        "later": CANCELLED,
    }
    assert run.viewed() == run.statuses()
    assert replace(run.rebuilt().state, saga=None) == replace(run.state, saga=None)


def test_what_is_in_flight_may_still_complete():
    run = ends(begun()).completes("other")

    assert run.dispatched == []
    assert run.fenced == ["later"]
    assert run.is_fenced("later").status is RunStatus.COMPLETED


def test_a_run_ends_early_and_failed_and_is_compensated():
    run = ends(begun(failed=True))
    assert run.rebuilt().state == run.state

    assert run.is_fenced("other").dispatched == ["undo first"]
    run.is_undone("first")

    assert run.status is RunStatus.FAILED
    assert run.state.record.error == "nothing to do"
    assert run.state.record.output == out("all")


@pytest.mark.parametrize(("failed", "message"), [(True, "ended by step 'stop'"), (False, "")])
def test_no_reason_need_be_given(failed, message):
    run = ends(begun(failed=failed), reason="")

    assert run.state.record.stop is not None
    assert run.state.record.stop.message == message


def test_what_it_results_in_is_no_input_of_other_steps():
    run = ends(begun(closing=(step("tell"),)))

    assert run.state.steps["stop"].output == EMPTY
    run.is_fenced("other")
    assert (run.dispatched, run.state.record.ending) == (["tell"], RunStatus.COMPLETED)
    assert run.rebuilt().state == run.state
    assert run.completes("tell").status is RunStatus.COMPLETED
    assert run.state.record.output == out("all")


def test_a_run_that_stops_is_not_ended_by_a_step():
    run = ends(begun().is_cancelled("enough"))

    assert run.state.record.stop == Stop(StopReason.CANCELLED, "enough")
    assert run.is_fenced("other").is_undone("first").status is RunStatus.CANCELLED
    assert run.state.record.output is None


def test_the_first_of_two_ends_says_what_the_run_results_in():
    run = Run(ending("stop"), ending("halt"), closing=(step("tell"),)).starts()
    run = ends(run)
    at = run.state.steps["halt"].attempt
    revision = run.write("halt", Outcome.COMPLETED, output=out("none"), finished_at=run.now)
    run = run.rebuilt()
    assert run.state.record.ending is RunStatus.COMPLETED

    run.happens(StepCompleted("halt", at, out("none"), revision, "too late"))

    assert run.completes("tell").state.record.output == out("all")
    assert run.state.record.stop == Stop(StopReason.ENDED, "nothing to do", "stop")


def test_a_terminate_may_follow():
    run = ends(begun()).is_terminated("at once")

    assert run.is_fenced("other").status is RunStatus.CANCELLED


def test_it_is_followed_once():
    run = ends(begun())
    state = run.state

    assert (
        run.happens(StepCompleted("stop", state.steps["stop"].attempt, out("x"), 99)).effects == ()
    )
    assert run.state == state
