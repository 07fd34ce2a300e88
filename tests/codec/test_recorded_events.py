"""What the records of a run say has happened."""

from __future__ import annotations

from msgspec.structs import replace

from flowworker.codec.cloudevents import recorded_events, run_started_event
from flowworker.core.payload import inline
from flowworker.core.records import RunRecord, StepRecord
from flowworker.core.status import Kind, Outcome, RunStatus

RUN = RunRecord("r1", "orders.ship", "hash", RunStatus.RUNNING, inline(b"{}"), 5.0)
STEP = StepRecord(
    "r1",
    "pay",
    Kind.RUN,
    turn=1,
    number=2,
    outcome=Outcome.COMPLETED,
    started_at=6.0,
    finished_at=7.5,
    worker="w1",
)


def test_it_is_said_in_the_order_of_their_revisions():
    late, early = replace(STEP, step="late"), replace(STEP, step="early")

    found = list(recorded_events("ns", RUN, [(late, 9), (early, 7)]))

    assert found[0] == run_started_event("ns", RUN)
    assert [event.data.step for event in found[1:]] == ["early", "late"]


def test_a_run_that_was_stopped_before_it_began_has_no_start():
    found = list(recorded_events("ns", replace(RUN, begins_at=9.0), [(STEP, 9)]))

    assert [event.data.step for event in found] == [STEP.step]
