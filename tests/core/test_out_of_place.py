"""Events that are old, repeated, foreign or out of place: nothing is broken by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flowworker.core import facts
from flowworker.core.attempt import Attempt
from flowworker.core.decide import decide, outruns
from flowworker.core.effects import Emit, Finish, Save
from flowworker.core.status import TERMINAL, HumanAction, Kind, RunStatus
from tests.core.dsl import BROKEN, NOW, Run, out, step

steps = st.sampled_from(["a", "b", "c", "unknown", ""])
numbers = st.integers(0, 4)
attempts = st.builds(Attempt, st.sampled_from(Kind), numbers, numbers)
anything: st.SearchStrategy[facts.Fact] = st.one_of(
    st.just(facts.RunStarted()),
    st.just(facts.TimedOut()),
    st.builds(facts.CancelRequested, st.just(""), st.booleans()),
    st.builds(facts.StepCompleted, steps, attempts, st.just(out("x")), st.integers(2, 99)),
    st.builds(facts.AttemptFailed, steps, attempts, st.just(BROKEN), numbers, st.just(NOW)),
    st.builds(facts.StepCancelled, steps, numbers),
    st.builds(facts.Compensated, steps, numbers),
    st.builds(facts.HumanDecided, st.sampled_from(HumanAction), steps, st.none(), st.text()),
)


def fresh() -> Run:
    return Run(
        step("a", attempts=2, human=True, undo=2),
        step("b", "a", fallback=True, undo=True),
        step("c", "a", human=True),
    )


@pytest.mark.slow  # seconds of Hypothesis
@given(st.lists(anything, max_size=30))
def test_decide_takes_any_event_at_any_time(events):
    run = fresh()
    ended = False
    for event in events:
        before = run.state
        run.happens(event)

        kinds = [type(effect) for effect in run.effects]
        assert kinds.count(Save) == (run.state.record != before.record)
        assert Save not in kinds[1:]
        tail = [kind for kind in kinds if kind is not Save]
        assert tail == sorted(tail, key=lambda kind: kind is not Emit)
        assert all(sum(tally) == 1 for tally in run.state.tallies.values())
        assert (run.status is RunStatus.WAITING_HUMAN) == bool(run.state.waiting)
        if ended:
            assert run.state is before
        assert kinds.count(Finish) == (run.status in TERMINAL and not ended)
        ended = run.status in TERMINAL


@pytest.mark.parametrize(
    "end",
    [
        lambda run: run.starts().completes("a").completes("b", "c"),
        lambda run: run.starts().is_terminated().is_fenced("a"),
        lambda run: run.starts().completes("a").fails("b", "b").is_fenced("c").is_undone("a"),
    ],
)
@given(event=anything)
def test_the_end_is_the_end(end, event):
    run = end(fresh())
    assert run.status in TERMINAL

    state, effects = decide(run.plan, run.state, event, NOW + 1)

    assert (state, effects) == (run.state, ())


FOREIGN = [
    facts.StepCompleted("x", Attempt(Kind.RUN, 1, 1), out("x"), 9),
    facts.AttemptFailed("x", Attempt(Kind.RUN, 1, 1), BROKEN, 9, NOW),
    facts.AttemptFailed("x", Attempt(Kind.COMPENSATE, 1, 1), BROKEN, 9, NOW),
    facts.StepCancelled("x", 9),
    facts.Compensated("x", 9),
    facts.HumanDecided(HumanAction.SKIP, "x"),
]


@pytest.mark.parametrize(
    "life",
    [
        lambda run: run,
        lambda run: run.starts(),
        lambda run: run.starts().fails("a").fails("a"),
        lambda run: run.starts().is_cancelled(),
        lambda run: run.starts().completes("a").fails("b", "b").is_fenced("c"),
    ],
    ids=["created", "running", "waiting", "stopping", "compensating"],
)
@pytest.mark.parametrize("event", FOREIGN, ids=lambda event: type(event).__name__)
def test_a_step_that_is_not_of_this_workflow_changes_nothing(life, event):
    run = life(fresh())
    before = run.state

    assert run.happens(event).effects == ()
    assert run.state is before


DONE = facts.StepCompleted("b", Attempt(Kind.RUN, 1, 1), out("x"), 9)
BAD = facts.AttemptFailed("b", Attempt(Kind.RUN, 1, 1), BROKEN, 9, NOW)


@pytest.mark.parametrize(
    ("life", "event", "outrun"),
    [
        (lambda run: run.starts(), DONE, True),
        (lambda run: run.starts(), BAD, True),
        (lambda run: run.starts().completes("a"), DONE, False),
        (lambda run: run.starts().completes("a", "b"), DONE, False),
        (lambda run: run.starts().fails("a").fails("a"), DONE, True),
        (lambda run: run.starts().is_cancelled().is_fenced("a"), DONE, False),
        (
            lambda run: run.starts(),
            facts.StepCompleted("x", Attempt(Kind.RUN, 1, 1), out("x"), 9),
            False,
        ),
        (lambda run: run.starts(), facts.CancelRequested(""), False),
    ],
)
def test_a_fact_of_a_step_that_cannot_have_begun_says_that_more_has_happened(life, event, outrun):
    run = life(fresh())
    assert outruns(run.plan, event, run.state) is outrun


def test_a_run_that_is_over_is_not_outrun():
    # Given a run whose end is known, though the records of its steps were read too early
    run = fresh().starts()
    state = run.state
    over = replace(state, record=replace(state.record, status=RunStatus.FAILED))
    # When a fact of one of them comes, then nothing more need be known
    assert outruns(run.plan, DONE, state)
    assert not outruns(run.plan, DONE, over)
