"""Steps that are repeated: what is asked after an iteration, and what may come in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from flowworker.core.attempt import Attempt
from flowworker.core.claim import succeeded
from flowworker.core.decide import outruns
from flowworker.core.effects import Dispatch, Fence, Repeat
from flowworker.core.facts import CancelRequested, Iterated, Repeated
from flowworker.core.model import Step
from flowworker.core.records import ErrorInfo, StepRecord
from flowworker.core.repetition import Repeat as Repetition
from flowworker.core.status import HumanAction, Kind, Outcome, RunStatus, StepStatus
from tests.core.dsl import NOW, PAUSE, Run, out, step

LIMIT = ErrorInfo("RepeatLimit", "too often", retryable=False)
FIRST = Attempt(Kind.RUN, 1, 1, 1)


def repeated(id_: str, *after: str, **policy) -> Step:
    return replace(step(id_, *after, **policy), repeat=Repetition("output.done"))


def polling(**policy) -> Run:
    return Run(repeated("poll", **policy), step("next", "poll")).starts()


def fails_for_good(run: Run) -> Run:
    """Its coordinator finds no iteration more to be allowed."""
    return run.iterates("poll").fails("poll", error=LIMIT)


def test_the_first_iteration_is_the_first_attempt():
    assert polling().effects == (Dispatch("poll", FIRST, 0),)


def test_after_an_iteration_it_is_asked_whether_there_is_another():
    run = polling().iterates("poll")

    assert run.effects == (Repeat("poll", FIRST, run.records["poll"][1], NOW),)
    assert run.is_at("poll") is StepStatus.REPEATING
    assert run.is_at("next") is StepStatus.PENDING
    assert run.viewed() == run.statuses()


def test_what_an_iteration_puts_out_is_no_result():
    run = polling().iterates("poll")
    poll = run.state.steps["poll"]
    assert poll.output is not None
    assert poll.result is None

    assert run.iterates("poll", again=False).state.steps["poll"].result == poll.output


def test_the_next_iteration_is_due_after_a_pause():
    run = polling().iterates("poll", again=True)

    revision = run.records["poll"][1]
    assert run.effects == (Dispatch("poll", Attempt(Kind.RUN, 1, 1, 2), revision, due=NOW + PAUSE),)
    assert run.is_at("poll") is StepStatus.RUNNING
    assert run.state.steps["poll"].output is None
    assert not run.saved


def test_what_follows_begins_after_the_last_iteration():
    run = polling().iterates("poll", again=True).iterates("poll", again=False)

    assert run.dispatched == ["next"]
    assert run.state.steps["poll"].attempt == Attempt(Kind.RUN, 1, 1, 2)
    assert run.completes("next").status is RunStatus.COMPLETED


def test_attempts_count_anew_in_each_iteration():
    run = polling(attempts=2).fails("poll")
    assert run.dispatched == ["poll#2"]

    assert run.iterates("poll", again=True).dispatched == ["poll~2"]
    assert run.fails("poll").dispatched == ["poll~2#2"]
    assert run.fails("poll").status is RunStatus.FAILED


def test_beyond_the_limit_the_policy_follows():
    assert fails_for_good(polling()).status is RunStatus.FAILED
    run = fails_for_good(polling(fallback=True, human=True))
    assert run.dispatched == ["else poll"]
    assert run.completes("poll").dispatched == ["next"]


def test_a_fallback_ends_it():
    claim = StepRecord("r1", "poll", Kind.FALLBACK, 1, 1, Outcome.RUNNING, iteration=3)

    assert succeeded(claim) is Outcome.COMPLETED
    assert succeeded(replace(claim, kind=Kind.RUN)) is Outcome.ITERATED
    assert succeeded(replace(claim, kind=Kind.RUN, iteration=0)) is Outcome.COMPLETED


def test_who_orders_a_retry_orders_all_iterations_anew():
    run = fails_for_good(polling(human=True).iterates("poll", again=True))
    assert run.status is RunStatus.WAITING_HUMAN

    run.is_answered(HumanAction.RETRY)

    assert run.dispatched == ["poll@2"]
    assert run.state.steps["poll"].attempt == Attempt(Kind.RUN, 2, 1, 1)


def test_a_run_that_stops_asks_nothing_and_fences_the_next_iteration():
    run = polling().iterates("poll").is_cancelled()
    assert run.rest == [Fence("poll", Attempt(Kind.RUN, 1, 1, 2), revision=2)]
    assert run.is_fenced("poll").status is RunStatus.CANCELLED

    run = polling().is_cancelled().iterates("poll")
    assert run.fenced == ["poll~2"]
    assert run.is_repeated("poll").effects == ()
    assert run.is_fenced("poll").status is RunStatus.CANCELLED


def test_what_was_asked_for_meanwhile_is_known_before_it_is_asked():
    run = polling().iterates("poll").rebuilt()
    assert [type(effect) for effect in run.rest] == [Repeat]

    assert [type(each) for each in run.rebuilt(CancelRequested("enough")).rest] == [Fence]


def test_an_answer_from_long_ago_changes_nothing():
    run = polling().iterates("poll", again=True)
    for late in (
        Repeated("poll", FIRST, NOW),
        Repeated("gone", FIRST, NOW),
        Iterated("poll", FIRST, out("poll"), 2, NOW),
        Iterated("gone", FIRST, out("poll"), 2, NOW),
    ):
        before = run.state
        assert run.happens(late).effects == ()
        assert run.state is before

    run.iterates("poll", again=False)
    assert run.happens(Iterated("poll", FIRST, out("poll"), 2, NOW)).effects == ()


def test_an_iteration_of_a_step_that_cannot_have_begun_is_stale():
    run = Run(step("a"), repeated("poll", "a")).starts()
    fact = Iterated("poll", FIRST, out("poll"), 9, NOW)

    assert outruns(run.plan, fact, run.state)
    assert not outruns(run.plan, fact, run.completes("a").state)


def test_what_it_came_to_is_undone_once():
    run = Run(repeated("poll", undo=True), step("next", "poll")).starts()
    run.iterates("poll", again=True).iterates("poll", again=False).fails("next")

    assert run.dispatched == ["undo poll~2"]
    assert run.rebuilt().state == run.state
    assert run.is_undone("poll").status is RunStatus.FAILED


def test_iterations_of_a_step_that_did_not_get_to_its_end_are_not_undone():
    run = Run(repeated("poll", undo=True)).starts().iterates("poll", again=True)

    assert run.is_cancelled().is_fenced("poll").published == ["cancelled"]


LIVES: dict[str, Callable[[Run], Run]] = {
    "asked": lambda run: run.iterates("poll"),
    "repeated": lambda run: run.iterates("poll", again=True),
    "twice": lambda run: run.iterates("poll", again=True).iterates("poll", again=True),
    "failed": lambda run: run.iterates("poll", again=True).fails("poll"),
    "retried": lambda run: (
        run.iterates("poll", again=True).fails("poll").iterates("poll", again=True)
    ),
    "over": lambda run: run.iterates("poll", again=True).iterates("poll", again=False),
    "too often": fails_for_good,
    "ended": lambda run: run.iterates("poll", again=False).completes("next"),
    "cancelled": lambda run: run.iterates("poll", again=True).is_cancelled(),
    "fenced": lambda run: run.iterates("poll", again=True).is_cancelled().is_fenced("poll"),
    "terminated": lambda run: run.iterates("poll", again=True).is_terminated(),
    "stopped before": lambda run: run.is_cancelled().iterates("poll"),
    "begun again by a human": lambda run: fails_for_good(run).is_answered(HumanAction.RETRY),
}


@pytest.mark.parametrize("live", LIVES.values(), ids=LIVES)
def test_a_run_from_its_records_is_the_run_that_lived(live):
    run = live(polling(attempts=2, human=True))

    rebuilt = run.rebuilt()
    asked = any(isinstance(effect, Repeat) for effect in rebuilt.effects)
    if asked and run.is_at("poll") is not StepStatus.REPEATING:
        rebuilt.is_repeated("poll")

    if run.fenced:  # what is fenced is not due any more, which matters to nobody
        run.state = run.state.with_step("poll", due=0.0)
    assert replace(rebuilt.state, saga=None) == replace(run.state, saga=None)
    assert not rebuilt.saved
