"""Why a step does not move: every state that a step can be in, by every construct."""

from __future__ import annotations

import pytest

from flowworker.core.model import (
    Step,
    TriggerRule,
)
from flowworker.core.payload import EMPTY
from flowworker.core.records import StopReason
from flowworker.core.status import Kind, Outcome, RunStatus, StepStatus
from flowworker.diagnosis import ReasonKind, diagnose
from flowworker.diagnosis.evidence import is_over
from flowworker.diagnosis.unclaimed import unclaimed_steps
from tests.diagnosis.begun import RUNNING
from tests.diagnosis.further import FURTHER
from tests.diagnosis.pending import PENDING
from tests.diagnosis.scenes import (
    ABSENT,
    BEGAN,
    LOOP,
    NARROW,
    NOW,
    PAUSED,
    QUEUED,
    STOPPED,
    UNDO,
    A,
    B,
    Scene,
    completed,
    failed,
    record,
    running,
    stopped,
    waiting,
)

CASES = {**PENDING, **RUNNING, **FURTHER}


@pytest.mark.parametrize(("scene", "step", "status", "kind", "says"), CASES.values(), ids=CASES)
def test_why_a_step_does_not_move(scene, step, status, kind, says):
    [found] = [one for one in diagnose(scene.evidence).steps if one.id == step]

    assert (found.status, found.reasons[0].kind) == (status, kind)
    assert says in found.reasons[0].text


def test_every_state_in_which_something_is_awaited_is_among_them():
    shown = {status for _, _, status, _, _ in CASES.values()}

    assert shown == {one for one in StepStatus if not is_over(one)} | {StepStatus.COMPLETED}


def test_every_reason_is_among_them():
    first = {kind for _, _, _, kind, _ in CASES.values()}

    others = {ReasonKind.LIMIT, ReasonKind.TIMEOUT}  # below: they are never the only one
    assert first | others == set(ReasonKind)


@pytest.mark.parametrize(
    "made",
    [
        completed("a"),
        record("a", Outcome.SKIPPED),
        record("a", Outcome.CANCELLED),
        failed("a"),
    ],
    ids=lambda one: one.outcome,
)
def test_a_step_that_is_over_waits_for_nothing(made):
    scene = Scene((Step("a", "h", continue_on_error=True), B), (made,))

    assert scene.kinds("a") == []


def test_neither_does_one_that_is_undone():
    undone = completed("a", kind=Kind.COMPENSATE, completed=10)
    scene = Scene((UNDO,), (undone,), {**STOPPED, "status": RunStatus.COMPENSATING})

    assert scene.kinds("a") == []


@pytest.mark.parametrize("reason", [StopReason.TERMINATED, StopReason.ENDED])
def test_nor_one_that_will_not_be(reason):
    scene = Scene((UNDO, Step("b", "h")), (completed("a"), running("b")), {"stop": stopped(reason)})

    assert scene.kinds("a") == []


def test_no_step_of_a_run_that_has_ended_waits():
    scene = Scene((A, B), (running("a"),), {"status": RunStatus.FAILED, "finished_at": NOW})

    assert diagnose(scene.evidence).steps == ()


def test_a_timeout_is_said_besides():
    scene = Scene((Step("a", "h", timeout=130.0),), (running("a"),))

    [_, timeout] = scene.reasons("a")
    assert (timeout.kind, timeout.until) == (ReasonKind.TIMEOUT, BEGAN + 130)


def test_a_limit_is_said_with_who_holds_it():
    scene = Scene((NARROW,), (waiting("a", items=EMPTY, count=5), running("a/0")))

    [_, limit] = scene.reasons("a")
    assert (limit.kind, limit.subjects) == (ReasonKind.LIMIT, ("a[0]",))
    assert "4 more wait" in limit.text


def test_an_instance_that_has_not_begun_waits_for_a_place():
    scene = Scene((NARROW,), (waiting("a", items=EMPTY, count=5), running("a/0")))

    [found] = diagnose(scene.evidence, "a/3").steps
    assert (found.id, found.status) == ("a[3]", StepStatus.PENDING)
    assert [one.kind for one in found.reasons] == [ReasonKind.LIMIT]
    assert diagnose(scene.evidence, "a/5").steps == ()


def test_one_whose_loop_has_not_begun_waits_for_that():
    [found] = diagnose(Scene((LOOP,), ()).evidence, "a/3").steps

    assert [one.kind for one in found.reasons] == [ReasonKind.COORDINATOR]


def test_who_takes_over_what_was_lost_is_said_as_well():
    lost = running("a", lease_until=NOW - 5)

    assert Scene((A,), (lost,), places=QUEUED).kinds("a") == ["lost_worker", "queue"]
    assert Scene((A,), (lost,), places=ABSENT).kinds("a") == ["lost_worker", "coordinator"]


def test_a_rule_that_cannot_be_met_is_skipped_by_a_coordinator():
    late = Step("b", "h", ("a",), trigger_rule=TriggerRule.ALL_FAILED)
    scene = Scene((A, late), (completed("a"),))

    assert scene.kinds("b") == []


def test_what_has_not_begun_of_a_loop_waits_for_its_run_to_go_on():
    scene = Scene((LOOP,), (waiting("a", items=EMPTY, count=2), running("a/0")), PAUSED)

    [found] = diagnose(scene.evidence, "a/1").steps
    assert [one.kind for one in found.reasons] == [ReasonKind.PAUSED]
    assert found.reasons[0].remedy == "flowworker unpause r-1"


def test_nobody_looks_for_messages_of_a_paused_run():
    assert unclaimed_steps(Scene((A,), (), PAUSED).evidence) == []
