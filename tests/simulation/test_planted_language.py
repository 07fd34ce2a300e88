"""Defects of what the language has beside handlers are found, each within few worlds."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from flowworker.coordinator import alarms
from flowworker.coordinator.commands import approvals
from flowworker.coordinator.performing import given
from flowworker.coordinator.steps import answers, taking, waits
from flowworker.coordinator.steps.child_steps import ChildSteps
from flowworker.coordinator.steps.judging import Judging
from flowworker.core import decide, ending, forward, rerun, rules, stopping, waiting
from flowworker.core.status import Outcome
from flowworker.evaluation import terms
from flowworker.stores import reruns
from simulation import world
from simulation.focus import Focus
from tests.simulation.violations import From, finds, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

CALM = Focus(quiet=True, constructs=True)
CALLS = Focus(quiet=True, constructs=True, signals=True)
DEADLY = Focus(faults=("death", "killed", "unanswered"), constructs=True)
BLIND = Focus(faults=("stale",), constructs=True)


@pytest.mark.parametrize(
    ("function", "right", "wrong", "found", "focus"),
    [
        pytest.param(
            forward.step_skipped,
            "    resolve(draft, fact.step, Resolution.SKIPPED)",
            "    pass",
            "after 200 s | nothing moves the run on | acknowledged before what follows",
            CALM,
            id="a skipped branch that blocks a join",
        ),
        pytest.param(
            rules.verdict,
            "late(tally) if sum(tally) == dependencies",
            "late(tally) if sum(tally) == dependencies or tally.success",
            "before what it depends on",
            CALM,
            id="a rule that does not wait for all",
        ),
        pytest.param(
            taking.Taking._is_free,
            "if not signal.taken_by:",
            "if True:",
            "a signal was taken by two",
            CALLS,
            id="a signal that is taken by two",
        ),
        pytest.param(
            waiting.signalled,
            "wait.signal == fact.name",
            "wait.signal != fact.name",
            "a signal was heard of late",
            CALLS,
            id="a signal of which nobody hears",
        ),
        pytest.param(
            taking.Taking._taken,
            "tuple(shared.free.values())",
            "tuple(shared.free.values())[::-1]",
            "a signal was taken before an older one",
            From(36, CALLS),
            id="the newest signal first",
        ),
        pytest.param(
            ending.end,
            "if not closing or draft.terminated",
            "if not closing or draft.state.record.stop",
            "an end without its `finally`",
            CALM,
            id="finally runs after a good end only",
        ),
        pytest.param(
            forward.verdict_on,
            "plan.closing and state.record.ending is None and plan.closes(step)",
            "False",
            "before what it depends on",
            CALM,
            id="finally runs at the beginning",
        ),
        pytest.param(
            decide.advance,
            "elif not draft.state.inflight:",
            'elif not draft.state.inflight or stop.reason == "ended":',
            "while an attempt is in flight",
            CALM,
            id="an end that leaves an attempt in flight",
        ),
        pytest.param(
            stopping.continue_saga,
            "not (draft.terminated or ended)",
            "not draft.terminated",
            "an early end that was undone",
            From(31, CALM),
            id="an early end that is undone",
        ),
        pytest.param(
            waits.Waits.go_on,
            "wakes_at = record.wakes_at or self._clock.now() + GUARD",
            "wakes_at = (record.wakes_at or self._clock.now() + GUARD)"
            " - 9.0 * bool(state and record.started_at < self._clock.now() - 0.5)",
            "a wait ended before its time | a wait timed out before its time",
            DEADLY,
            id="a sleep that ends early after a takeover",
        ),
        pytest.param(
            terms.Terms.wakes_at,
            'return now + await self._wait(plan, state, step, "sleep", at.sleep)',
            "return now + 1.0",
            "waits for another moment",
            CALM,
            id="a sleep of another length",
        ),
        pytest.param(
            alarms.Alarms._go_off,
            "elif not await self._engine_steps.wake(found[0], step) and unseen:",
            "elif not await self._engine_steps.wake(found[0], step) and False:",
            "the end of a wait was lost | RUNNING",
            From(148, BLIND),
            id="an alarm that is done with by an answer of the past",
        ),
        pytest.param(
            approvals.Approvals.output,
            "if asked.schema is not None:",
            "if False:",
            "an answer that its schema refuses was accepted",
            From(28, CALM),
            id="an approval that accepts what its schema refuses",
        ),
        pytest.param(
            given.Given.to,
            "encode_sorted(value)",
            "encode_sorted({**value, 'plain': 8})",
            "another input than was said",
            CALM,
            id="an input that is not what was said",
        ),
        pytest.param(
            answers.Answers._output,
            "encode_sorted(value)",
            "encode_sorted({**value, 'plain': 8})",
            "another result",
            CALM,
            id="a result that is not what was said",
        ),
        pytest.param(
            rerun._why_again,
            'which runs again" if behind else ""',
            'which runs again" if False else ""',
            "a step is kept that is to run",
            From(30, CALM),
            id="a rerun that keeps what is behind something that runs",
        ),
        pytest.param(
            reruns._keep,
            "if step not in past.steps:",
            "if True:",
            "a rerun keeps something else",
            From(4, CALM),
            id="a rerun that executes what is kept",
        ),
    ],
)
def test_one_wrong_expression(monkeypatch, function, right, wrong, found, focus):
    plant(monkeypatch, function, right, wrong)
    monkeypatch.setattr(world, "REST_LIMIT", 200.0)

    assert finds(found, focus)


def test_a_condition_that_is_judged_twice_with_different_ends(monkeypatch):
    right, fickle = Judging._holds, itertools.cycle((False, False, True))

    async def holds(self, plan, state, step):
        return await right(self, plan, state, step) is not next(fickle)

    monkeypatch.setattr(Judging, "_holds", holds)

    assert finds("its condition does not hold | a step was skipped whose condition holds", DEADLY)


def test_a_child_that_outlives_its_cancelled_parent(monkeypatch):
    async def hasty(self, plan, state, record, revision):
        await self._end(plan, state.record, replace(record, outcome=Outcome.CANCELLED), revision)
        return True

    monkeypatch.setattr(ChildSteps, "fence", hasty)

    assert finds(
        "a step ended before the run that it is | a child outlives its parent",
        Focus(quiet=True, constructs=True, regretful=True),
    )
