"""A run from its records is the run that lived: its state, and what may be unpublished."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from flowworker.core.effects import Finish
from flowworker.core.status import HumanAction, Outcome, RunStatus, StepStatus
from tests.core.dsl import Run, out, step, undoing

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


@pytest.mark.parametrize(("live", "published"), LIVES.values(), ids=LIVES)
def test_the_way_forward_and_its_stop(live, published):
    run = live(many())

    rebuilt = run.rebuilt()

    assert rebuilt.state == run.state
    assert rebuilt.published == published
    assert not rebuilt.saved


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


@pytest.mark.parametrize(("live", "published"), SAGAS.values(), ids=SAGAS)
def test_the_saga(live, published):
    run = live(undoing())

    rebuilt = run.rebuilt()

    assert rebuilt.state == run.state
    early = {"step.failed last", "step.fallback backed", "step.completed asking", "compensating"}
    assert [text for text in rebuilt.published if text not in early] == published
    assert {"step.failed last", "compensating"} < set(rebuilt.published)
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
def test_the_end_is_as_it_was_written_and_is_published_again(live):
    run = live()
    published = run.published
    run.now += 1000.0

    rebuilt = run.rebuilt()

    assert replace(rebuilt.state, saga=None) == replace(run.state, saga=None)
    assert rebuilt.published[-len(published) :] == published
    assert rebuilt.effects[-1] == Finish()
    assert not rebuilt.saved
    assert run.viewed() == run.statuses()


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
