"""Runs that begin later: nothing of them happens before."""

from __future__ import annotations

from msgspec.structs import replace

from flowworker.core import facts
from flowworker.core.effects import Emit, Finish, Save, SetStart
from flowworker.core.event_types import EventType
from flowworker.core.rebuild import rebuild
from flowworker.core.status import RunStatus, StepStatus
from tests.core.dsl import Run, step

LATER = 5000.0


def delayed(*requests):
    """A run of two steps that is rebuilt before its time, with what was asked of it."""
    run = Run(step("a"), step("b", "a"), timeout=10.0, closing=(step("tidy"),))
    record = replace(run.state.record, status=RunStatus.PENDING, begins_at=LATER)
    return rebuild(run.plan, record, 1, {}, run.now, requests=requests)


def test_a_run_that_begins_later_waits_for_its_time_alone():
    state, effects = delayed()

    assert effects == (SetStart(LATER),)
    assert {at.status for at in state.steps.values()} == {StepStatus.PENDING}


def test_a_run_that_is_cancelled_before_it_begins_ends_at_once():
    state, effects = delayed(facts.CancelRequested("enough"))

    assert state.status is RunStatus.CANCELLED
    assert {at.status for at in state.steps.values()} == {StepStatus.CANCELLED}
    assert effects == (
        Save(RunStatus.PENDING),
        Emit(EventType.CANCELLED, error="enough"),
        Finish(),
    )
