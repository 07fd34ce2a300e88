"""A run from its records is the run that lived: its state, and all that may not have been told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from flowworker.core.attempt import Attempt
from flowworker.core.effects import Finish, Save
from flowworker.core.facts import CancelRequested, HumanDecided
from flowworker.core.payload import EMPTY
from flowworker.core.records import ErrorInfo, StepRecord, Stop, StopReason
from flowworker.core.status import HumanAction, Kind, Outcome, RunStatus, StepStatus
from tests.core.dsl import RUN, Run, out, step

RETRY, CANCEL, SKIP, COMPLETE = (
    HumanAction.RETRY,
    HumanAction.CANCEL,
    HumanAction.SKIP,
    HumanAction.COMPLETE,
)


def many() -> Run:
    """One step of each sort, all of them in flight but the last."""
    return Run(
        step("plain", undo=2),
        step("twice", attempts=2, undo=2),
        step("backed", fallback=True, undo=2),
        step("asking", human=True, undo=2),
        step("last", "plain", "twice", "backed", "asking"),
        timeout=60.0,
    ).starts()


# What happened, and what a coordinator tells that has read nothing but the records.
LIVES: dict[str, tuple[Callable[[Run], Run], list[str]]] = {
    "started": (lambda run: run, []),
    "completed in part": (lambda run: run.completes("asking", "plain"), []),
    "retrying": (lambda run: run.fails("twice"), ["step.retrying twice"]),
    "retried": (lambda run: run.fails("twice").completes("twice"), []),
    "falling back": (lambda run: run.fails("backed"), ["step.fallback backed"]),
    "fell back": (lambda run: run.fails("backed").completes("backed"), []),
    "waiting": (lambda run: run.fails("asking"), ["waiting_human asking"]),
    "asked again": (
        lambda run: run.fails("asking").is_answered(RETRY).fails("asking"),
        ["waiting_human asking"],
    ),
    "human retried": (
        lambda run: run.fails("asking").is_answered(RETRY).completes("asking"),
        [],
    ),
    "human skipped": (
        lambda run: run.fails("asking").is_answered(SKIP),
        ["step.skipped asking"],
    ),
    "human completed": (
        lambda run: run.fails("asking").is_answered(COMPLETE, output=out("mine")),
        ["step.completed asking"],
    ),
    "human completed with nothing": (
        lambda run: run.fails("asking").is_answered(COMPLETE),
        ["step.completed asking"],
    ),
    "human cancelled": (
        lambda run: run.fails("asking").is_answered(CANCEL),
        ["step.failed asking"],
    ),
    "failed": (lambda run: run.fails("plain"), ["step.failed plain"]),
    "failed twice": (
        lambda run: run.fails("plain", "twice").fails("twice"),
        ["step.failed plain", "step.failed twice"],
    ),
    "failing while stopping": (
        lambda run: run.is_cancelled().fails("twice", "backed", "asking", "plain"),
        ["step.failed plain"],
    ),
    "completing while stopping": (
        lambda run: run.is_cancelled().completes("asking", "plain", "twice", "backed"),
        [],
    ),
    "fenced in part": (lambda run: run.is_cancelled().is_fenced("plain", "asking"), []),
    "waiting no longer": (lambda run: run.fails("asking").is_cancelled(), []),
    "skipped, then cancelled": (
        lambda run: run.fails("asking").is_answered(SKIP).is_cancelled(),
        ["step.skipped asking"],
    ),
    "retried by a human, then cancelled": (
        lambda run: run.fails("asking").is_answered(RETRY).is_cancelled(),
        [],
    ),
    "terminated": (lambda run: run.completes("plain").is_terminated(), []),
}


@pytest.mark.parametrize(("live", "told"), LIVES.values(), ids=LIVES)
def test_the_way_forward_and_its_stop(live, told):
    run = live(many())

    rebuilt = run.rebuilt()

    assert rebuilt.state == run.state
    assert rebuilt.told == told
    assert not rebuilt.saved


def undoing() -> Run:
    """`last` failed; `backed` is being compensated, then `plain`, which completed first."""
    return (
        Run(
            step("plain", undo=2),
            step("asking", "plain", human=True, undo=2),
            step("backed", "asking", fallback=True, undo=2, critical=True),
            step("last", "backed"),
            step("never", "last"),
        )
        .starts()
        .completes("plain")
        .fails("asking")
        .is_answered(COMPLETE, output=out("mine"))
        .fails("backed")
        .completes("backed")
        .fails("last")
    )


SAGAS: dict[str, tuple[Callable[[Run], Run], list[str]]] = {
    "begun": (lambda run: run, []),
    "retrying": (lambda run: run.fails("backed"), ["step.retrying backed"]),
    "one done": (lambda run: run.is_undone("backed"), []),
    "one done at last": (lambda run: run.fails("backed").is_undone("backed"), []),
    "one failed": (
        lambda run: run.fails("backed").fails("backed"),
        ["step.compensation_failed backed"],
    ),
    "two failed": (
        lambda run: run.fails("backed", "backed", "asking", "asking"),
        ["step.compensation_failed backed", "step.compensation_failed asking"],
    ),
    "terminated": (lambda run: run.is_undone("backed").is_terminated(), []),
    "terminated at once": (lambda run: run.is_terminated(), []),
    "terminated while retrying": (lambda run: run.fails("backed").is_terminated(), []),
    "terminated too late": (lambda run: run.is_terminated().is_undone("backed"), []),
}


@pytest.mark.parametrize(("live", "told"), SAGAS.values(), ids=SAGAS)
def test_the_saga(live, told):
    run = live(undoing())

    rebuilt = run.rebuilt()

    assert rebuilt.state == run.state
    early = {"step.failed last", "step.fallback backed", "step.completed asking", "compensating"}
    assert [text for text in rebuilt.told if text not in early] == told
    assert {"step.failed last", "compensating"} < set(rebuilt.told)
    assert not rebuilt.saved


ENDS: dict[str, Callable[[], Run]] = {
    "completed": lambda: Run(step("a")).starts().completes("a"),
    "skipped": lambda: Run(step("a", human=True)).starts().fails("a").is_answered(SKIP),
    "failed": lambda: Run(step("a"), step("b", "a")).starts().fails("a"),
    "cancelled": lambda: Run(step("a"), step("b", "a")).starts().is_cancelled().is_fenced("a"),
    "compensated": lambda: undoing().is_undone("backed", "asking", "plain"),
    "not all compensated": lambda: (
        undoing().is_undone("backed").fails("asking", "asking").is_undone("plain")
    ),
    "terminated": lambda: undoing().is_terminated().is_fenced("backed"),
    "terminated before the saga": lambda: (
        Run(step("a", undo=True), step("b", "a"), step("c", "b"))
        .starts()
        .completes("a")
        .is_terminated()
        .is_fenced("b")
    ),
}


@pytest.mark.parametrize("live", ENDS.values(), ids=ENDS)
def test_the_end_is_as_it_was_written_and_is_told_again(live):
    run = live()
    told = run.told
    run.now += 1000.0

    rebuilt = run.rebuilt()

    assert replace(rebuilt.state, saga=None) == replace(run.state, saga=None)
    assert rebuilt.told[-len(told) :] == told
    assert rebuilt.effects[-1] == Finish()
    assert not rebuilt.saved
    assert run.viewed() == run.statuses()


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


def test_a_saga_that_was_saved_and_never_told_is_told():
    run = undoing()

    rebuilt = run.rebuilt()

    assert rebuilt.emits[-1].steps_count == 3
    assert rebuilt.dispatched == ["undo backed"]


def test_a_failure_that_nobody_has_heard_of_is_decided_upon():
    run = Run(step("a"), step("b", "a")).starts()
    run.write("a", Outcome.FAILED, error=ErrorInfo("Broken", "it broke"), finished_at=run.now)

    rebuilt = run.rebuilt()

    assert rebuilt.effects[0] == Save(RunStatus.RUNNING)
    assert rebuilt.told == ["step.failed a", "failed"]


def test_a_failure_without_an_error_is_a_failure():
    run = Run(step("a")).starts()
    run.write("a", Outcome.FAILED)

    rebuilt = run.rebuilt()

    assert rebuilt.told == ["step.failed a", "failed"]
    assert "the record of the failure has no error" in rebuilt.state.record.error


def test_of_two_failures_the_first_one_stops_the_run():
    run = Run(step("a"), step("b")).starts().claims("a")
    run.write("b", Outcome.FAILED)
    run.write("a", Outcome.FAILED)

    rebuilt = run.rebuilt()

    assert rebuilt.told == ["step.failed b", "step.failed a", "failed"]
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
    assert rebuilt.told == []
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

    for outdated in (early, stopping):
        run.stored = outdated
        rebuilt = run.rebuilt()
        assert rebuilt.effects[0] == Save(RunStatus.RUNNING)
        assert rebuilt.dispatched == []


def test_so_does_a_saga_before_which_nothing_had_to_be_fenced():
    run = Run(step("a", undo=True), step("b", "a", human=True)).starts().completes("a").fails("b")
    outdated = run.stored
    run.is_cancelled().claims("a")
    run.stored = outdated

    rebuilt = run.rebuilt()

    assert rebuilt.effects[0] == Save(RunStatus.WAITING_HUMAN)


def test_so_does_a_terminate_of_which_it_does_not_know():
    run = undoing()
    outdated = run.stored
    run.is_terminated().is_fenced("backed")
    run.stored = outdated

    rebuilt = run.rebuilt()

    assert rebuilt.effects[0] == Save(RunStatus.COMPENSATING)
    assert rebuilt.dispatched == []


# For people to look at


def test_a_step_that_nobody_has_claimed_is_pending_to_the_eye():
    run = Run(step("a", attempts=2), step("b"), step("c", "b")).starts().fails("a").claims("b")

    assert run.viewed() == {
        "a": StepStatus.RETRYING,
        "b": StepStatus.RUNNING,
        "c": StepStatus.PENDING,
    }
    assert Run(step("a")).starts().viewed() == {"a": StepStatus.PENDING}
    run = Run(step("a"), step("b", "a")).starts().completes("a")
    assert run.viewed() == {"a": StepStatus.COMPLETED, "b": StepStatus.PENDING}


def test_a_step_that_waits_is_seen_to_wait():
    run = Run(step("a", human=True)).starts().fails("a")

    assert run.viewed() == {"a": StepStatus.WAITING_HUMAN}


def test_the_record_is_shown_as_it_is_stored():
    run = Run(step("a")).starts()
    run.write("a", Outcome.COMPLETED)

    assert run.viewed() == {"a": StepStatus.COMPLETED}
    assert run.status is RunStatus.RUNNING


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
