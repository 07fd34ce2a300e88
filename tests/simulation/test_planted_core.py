"""Defects of the pure core are found, each within few worlds: one expression that is wrong."""

from __future__ import annotations

import pytest

from flowworker.core import (
    claim,
    failure,
    forward,
    human,
    paused,
    replay,
    steering,
    stopping,
)
from flowworker.core.decide import decide
from flowworker.core.draft import Draft
from simulation import world
from simulation.focus import ANYTHING, Focus
from tests.simulation.violations import From, finds, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

AGAIN = Focus(faults=("early", "ack_lost"), shape="questions")
ASKED = Focus(quiet=True, shape="questions")
DEADLY = Focus(faults=("death", "killed", "unanswered"), regretful=True)
CANCELLED = Focus(faults=("early", "late"), regretful=True)
PAUSED = Focus(quiet=True, paused=True)
STUBBORN = Focus(quiet=True, dawdling=True, regretful=True)


@pytest.mark.parametrize(
    ("function", "right", "wrong", "found", "focus"),
    [
        pytest.param(
            failure._emit,
            "if draft.forbids(fact.attempt.kind, fact.step):",
            "if False:",
            "what cannot happen any more is published",
            From(7, CANCELLED),
            id="a retry of a run that stops is announced",
        ),
        pytest.param(
            Draft.dispatch,
            "if self.forbids(attempt.kind, step):",
            "if False:",
            "nothing moves the run on",
            CANCELLED,
            id="a step of a run that stops is dispatched",
        ),
        pytest.param(
            stopping.cancel_requested,
            "if fact.terminate",
            "if not fact.terminate",
            "a stop that nobody asked for | records say something else",
            CANCELLED,
            id="cancelled is terminated",
        ),
        pytest.param(
            Draft.fence,
            "force or self.terminated",
            "force",
            "a terminated run waited for a worker",
            STUBBORN,
            id="a terminate waits for workers",
        ),
        pytest.param(
            Draft.effects,
            "record is self._stored or record == self._stored",
            "record is self._stored",
            "a rebuild that decides | a write that changes nothing",
            ANYTHING,
            id="a record is written that is the same",
        ),
        pytest.param(
            Draft.effects,
            "self._stored.status if moved else None",
            "None",
            "an ended run is listed otherwise",
            Focus(quiet=True),
            id="the index does not follow",
        ),
        pytest.param(
            Draft.emit_end,
            "error=record.error",
            'error=""',
            "an end with the wrong error",
            ANYTHING,
            id="an end that does not say why",
        ),
        pytest.param(
            Draft.emit_end,
            "failed_compensations=record.failed_compensations",
            "failed_compensations=()",
            "an end that names the wrong compensations",
            ANYTHING,
            id="an end that forgets failed compensations",
        ),
        pytest.param(
            stopping.fail_step,
            "draft.emits.append(",
            "(",
            "the step that ended the run is not named",
            ANYTHING,
            id="a failed step that is not published",
        ),
        pytest.param(
            stopping.open_saga,
            "draft.emits.append(",
            "(",
            "enqueued before its cause is published",
            ANYTHING,
            id="a saga that is not published",
        ),
        pytest.param(
            stopping.compensation_failed,
            "draft.emits.append(",
            "(",
            "the end is published before what led to it",
            ANYTHING,
            id="a failed compensation that is not published",
        ),
        pytest.param(
            failure.attempt_failed,
            "_emit(draft, fact, EventType.STEP_RETRYING, fact.attempt.next, delay=what.delay)",
            "pass",
            "enqueued before its cause is published",
            ANYTHING,
            id="a retry that is not published",
        ),
        pytest.param(
            human.follow,
            "draft.emits.append(Emit(EventType.STEP_SKIPPED, detail, step_id=step))",
            "pass",
            "the end is published before what led to it",
            ASKED,
            id="a skipped step that is not published",
        ),
        pytest.param(
            human.decided,
            "(fact.id and _is_known(fact.id, decisions))",
            "False",
            "an answer was followed twice",
            From(9, AGAIN),
            id="an answer that is followed whenever it comes",
        ),
        pytest.param(
            forward.step_completed,
            "draft.state.steps[fact.step].status not in OPEN",
            "False",
            "a fact that is followed twice | the end while an attempt is in flight",
            ANYTHING,
            id="a result that counts whenever it comes",
        ),
        pytest.param(
            decide,
            "        follow(draft, fact)",
            "        follow(draft, fact)\n    else:\n        draft.emit_end()",
            "a fact that is followed twice",
            ANYTHING,
            id="an end that is published again upon whatever comes",
        ),
        pytest.param(
            stopping.compensated,
            "at is not None and ",
            "",
            "defect",
            From(6, CANCELLED),
            id="an event of a step that does not exist",
        ),
        pytest.param(
            replay.replay,
            "if undone or _is_fenced(draft, first):",
            "if not (undone or _is_fenced(draft, first)):",
            "records say something else | a stop that nobody asked for",
            ANYTHING,
            id="a run that is rebuilt and stopped by that",
        ),
        pytest.param(
            steering._dispatch_again,
            "draft.rest.append(Dispatch(step, at.attempt, at.revision, lost, at.due, again=again))",
            "None",
            "nothing moves the run on | after 600 s",
            ANYTHING,
            id="a message that is lost and not sent again",
        ),
        pytest.param(
            steering.repeat,
            "draft.fence(step, force=abandoned)",
            "pass",
            "nothing moves the run on",
            DEADLY,
            id="a fence that is lost and not set again",
        ),
        pytest.param(
            forward.resolve,
            "resolved.extend(dispatch_ready(draft, successors))",
            "dispatch_ready(draft, successors)",
            "after 600 s | nothing moves the run on",
            ANYTHING,
            id="a skipped step that blocks those behind it",
        ),
        pytest.param(
            stopping.fail_step,
            "draft.plan.step(step).continue_on_error or ",
            "",
            "a stop that nobody asked for",
            ANYTHING,
            id="a failure that should be passed over stops the run",
        ),
        pytest.param(
            claim.judge_fence,
            "(record.completed or revision)",
            "revision + 1",
            "a compensation lost its place",
            CANCELLED,
            id="a fenced compensation that takes the place of another",
        ),
        pytest.param(
            paused.holds,
            "not effect.begun",
            "False",
            "something begins though the run pauses",
            PAUSED,
            id="a pause that holds nothing",
        ),
        pytest.param(
            steering.steered,
            "repeat(draft, draft.state.inflight)",
            "None",
            "nothing moves the run on",
            PAUSED,
            id="a run that does not go on",
        ),
    ],
)
def test_one_wrong_expression(monkeypatch, function, right, wrong, found, focus):
    plant(monkeypatch, function, right, wrong)
    monkeypatch.setattr(world, "REST_LIMIT", 600.0)

    assert finds(found, focus)
