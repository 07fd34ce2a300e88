"""Steps that ask: the attempt is in flight, and ends by its answer alone."""

from __future__ import annotations

from typing import Any

import pytest

from flowworker.core import facts
from flowworker.core.answer import Decision
from flowworker.core.attempt import Attempt
from flowworker.core.draft import Draft
from flowworker.core.effects import Answer, Dispatch, Emit, Fence, Save
from flowworker.core.event_types import EventType
from flowworker.core.human import follow
from flowworker.core.model import Approval, Escalation, Step
from flowworker.core.rebuild import rebuild, view
from flowworker.core.records import ErrorInfo
from flowworker.core.status import HumanAction, Kind, Outcome, RunStatus, StepStatus
from tests.core.dsl import Run, out, step

FIRST = Attempt(Kind.RUN, 1, 1)
REJECTED = ErrorInfo("Rejected", "no", retryable=False)
SAID: dict[str, Any] = {"output": out("yes"), "reason": "fine", "actor": "Ada"}


def asks(id_: str, *, human: bool = False) -> Step:
    return Step(id_, approval=Approval("Pay?"), escalation=Escalation() if human else None)


def answered(run: Run, action: HumanAction, id_: str = "") -> Run:
    return run.happens(facts.HumanDecided(action, id_, id="1", **SAID))


def test_a_step_asks_and_the_run_waits():
    run = Run(asks("a"), step("b")).starts()

    assert run.effects == (
        Save(RunStatus.RUNNING),
        Emit(EventType.WAITING_HUMAN, "a/run/1.1", step_id="a", reason="Pay?"),
        Dispatch("a", FIRST, 0),
        Dispatch("b", FIRST, 0),
    )
    assert run.state.waiting == {"a"}
    assert run.state.status is RunStatus.WAITING_HUMAN


def test_an_answer_ends_the_attempt():
    run = answered(Run(asks("a"), asks("b")).starts(), HumanAction.APPROVE, "a")

    assert run.effects == (Answer("a", FIRST, approved=True, **SAID),)
    assert run.state.waiting == {"b"}
    answered(run, HumanAction.REJECT)
    assert run.effects[-1] == Answer("b", FIRST, approved=False, **SAID)
    assert run.state.status is RunStatus.RUNNING
    assert run.completes("a", "b").state.status is RunStatus.COMPLETED


def test_it_waits_no_more_when_it_ends_otherwise():
    run = Run(asks("a")).starts()

    run.fails("a", error=ErrorInfo("Timeout", "nobody", retryable=False))

    assert run.state.status is RunStatus.FAILED
    assert run.state.waiting == frozenset()


def test_answers_of_the_other_kind_change_nothing():
    run = Run(asks("a", human=True)).starts()
    assert run.is_answered(HumanAction.SKIP).effects == ()
    run.fails("a", error=REJECTED)

    assert answered(run, HumanAction.APPROVE).effects == ()
    assert run.state.waiting == {"a"}


def test_an_approval_is_no_decision_of_a_run():
    run = Run(asks("a", human=True)).starts().fails("a", error=REJECTED)
    draft = Draft(run.plan, run.state, run.now)

    follow(draft, "a", Decision(1, HumanAction.APPROVE))

    assert draft.effects() == ()


def test_a_run_that_stops_fences_what_asks():
    run = Run(asks("a")).starts().is_cancelled()

    assert Fence("a", FIRST) in run.effects
    assert run.is_fenced("a").state.status is RunStatus.CANCELLED


@pytest.mark.parametrize("begun", [True, False])
def test_a_question_is_seen_as_one(begun):
    run = Run(asks("a")).starts()
    if begun:  # its run waits for a human as soon as the run's own record is written
        run.write("a", Outcome.RUNNING)

    seen = view(run.plan, *run.stored, run.records, run.now)

    assert seen.steps["a"].status is StepStatus.WAITING_HUMAN


def test_a_run_whose_answer_is_written_waits_no_more():
    run = Run(asks("a"), step("b", "a")).starts()
    run.write("a", Outcome.COMPLETED, output=out("yes"))

    state, effects = rebuild(run.plan, *run.stored, run.records, run.now)

    assert state.status is RunStatus.RUNNING
    assert effects[0] == Save(RunStatus.WAITING_HUMAN)
