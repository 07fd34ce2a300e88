"""What a run waits for as a whole, and what is said when little is known."""

from __future__ import annotations

import pytest

from flowworker.core.model import Saga, Step
from flowworker.core.payload import EMPTY
from flowworker.core.records import StopReason
from flowworker.core.status import RunStatus
from flowworker.diagnosis import Place, ReasonKind, diagnose
from flowworker.diagnosis.runs import INSTANCES, not_begun
from flowworker.diagnosis.sentences import spelled
from tests.diagnosis.scenes import (
    BEGAN,
    COORDINATOR,
    HELD,
    LOOP,
    NOW,
    PAUSED,
    STOPPED,
    A,
    B,
    Scene,
    completed,
    running,
    stopped,
    waiting,
)

LATER = {"status": RunStatus.PENDING, "begins_at": NOW + 60}

CASES = {
    "a step is going on": (Scene((A,), (running("a"),)), []),
    "a step is ready": (Scene((A,)), []),
    "it begins later": (Scene((A,), (), LATER), [ReasonKind.START]),
    "it is time to begin": (
        Scene((A,), (), {**LATER, "begins_at": NOW - 1}),
        [ReasonKind.COORDINATOR],
    ),
    "it was cancelled before": (Scene((A,), (), {**LATER, **STOPPED}), [ReasonKind.COORDINATOR]),
    "all is over": (Scene((A,), (completed("a"),)), [ReasonKind.COORDINATOR]),
    "all that was begun has stopped": (
        Scene((A, B), (completed("a"),), {"stop": stopped(StopReason.ENDED)}),
        [],
    ),
    "compensations are to come": (
        Scene(
            (Step("a", "h", saga=Saga("h")),),
            (completed("a"),),
            {**STOPPED, "status": RunStatus.COMPENSATING},
        ),
        [],
    ),
    "a rerun is to be prepared": (
        Scene((A,), (), {"status": RunStatus.PENDING, "rerun_of": "r-0"}),
        [ReasonKind.COORDINATOR],
    ),
    "it may take so long": (
        Scene((A,), (running("a"),), workflow={"timeout": 500.0}),
        [ReasonKind.TIMEOUT],
    ),
    "it has taken so long": (
        Scene((A,), (running("a"),), workflow={"timeout": 50.0}),
        [ReasonKind.COORDINATOR],
    ),
    "it stops, so that its timeout means nothing": (
        Scene((A,), (running("a"),), STOPPED, workflow={"timeout": 500.0}),
        [],
    ),
    "its definition cannot be read": (
        Scene((A,), (running("a"),), known=False),
        [ReasonKind.BROKEN],
    ),
    "it is paused": (Scene((A,), (running("a"),), PAUSED), [ReasonKind.PAUSED]),
    "its workflow is paused": (Scene((A,), (running("a"),), HELD), [ReasonKind.PAUSED]),
    "both are": (Scene((A,), (), HELD | PAUSED), [ReasonKind.PAUSED, ReasonKind.PAUSED]),
    "it begins later, and is paused": (
        Scene((A,), (), LATER | PAUSED),
        [ReasonKind.PAUSED, ReasonKind.START],
    ),
    "it has ended": (Scene((A,), (), {"status": RunStatus.COMPLETED}), []),
}


@pytest.mark.parametrize(("scene", "kinds"), CASES.values(), ids=CASES)
def test_why_a_run_does_not_move(scene, kinds):
    assert [one.kind for one in diagnose(scene.evidence).reasons] == kinds


@pytest.mark.parametrize("scene", [scene for scene, _ in CASES.values()], ids=CASES)
def test_a_run_that_has_not_ended_has_a_reason_somewhere(scene):
    found = diagnose(scene.evidence)

    assert found.reasons or found.steps or scene.run.get("status") is RunStatus.COMPLETED


@pytest.mark.parametrize(
    ("made", "kind", "subjects"),
    [
        (running("a"), ReasonKind.WORKER, ("w-1",)),
        (waiting("a", child="sub-1"), ReasonKind.CHILD, ("sub-1",)),
        (waiting("a", wakes_at=NOW + 5), ReasonKind.TIMER, ()),
    ],
)
def test_without_a_definition_records_say_what_is_going_on(made, kind, subjects):
    scene = Scene((A, B), (made, completed("b")), known=False)

    [found] = diagnose(scene.evidence).steps
    [reason] = found.reasons
    assert (found.id, reason.kind, reason.subjects, reason.since) == ("a", kind, subjects, BEGAN)
    assert diagnose(scene.evidence, "b").steps == ()


@pytest.mark.parametrize(
    ("there", "kind", "says"),
    [
        (None, ReasonKind.START, "waits for a coordinator that takes it in"),
        ((), ReasonKind.NO_COORDINATOR, "and none is there"),
        ((COORDINATOR,), ReasonKind.START, "1 are there"),
    ],
)
def test_a_start_waits_for_a_coordinator(there, kind, says):
    [reason] = not_begun("r-1", "w", NOW, there).reasons

    assert reason.kind is kind
    assert says in reason.text
    assert bool(reason.remedy) is (there == ())


def test_of_many_instances_the_first_are_shown():
    count = INSTANCES + 20
    scene = Scene((LOOP, Step("b", "h", ("a",))), (waiting("a", items=EMPTY, count=count),))

    found = diagnose(scene.evidence)

    assert [one.id for one in found.steps[:4]] == ["a", "b", "a[0]", "a[1]"]
    assert (len(found.steps), found.more) == (2 + INSTANCES, 20)


def test_what_only_presence_says_is_said_without_a_place():
    [reason] = Scene((A,), workers=()).reasons("a")

    assert (reason.kind, reason.since) == (ReasonKind.NO_WORKER, 0.0)
    assert Scene((A,), places={"a": Place(stored=7.0)}, workers=()).reasons("a")[0].since == 7.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1.0, "0.0 s"),
        (0.25, "0.2 s"),
        (12.4, "12 s"),
        (60, "1 min"),
        (7_500, "2 h 5 min"),
        (3_605, "1 h"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations_are_spelled(seconds, text):
    assert spelled(seconds) == text
