"""What the records of a run say has happened."""

from __future__ import annotations

from msgspec.structs import replace

from flowworker.codec.cloudevents import recorded_events, run_started_event
from tests.codec.test_cloudevents import RECORD, STEP


def test_it_is_said_in_the_order_of_their_revisions():
    late, early = replace(STEP, step="late"), replace(STEP, step="early")

    found = list(recorded_events("ns", RECORD, [(late, 9), (early, 7)]))

    assert found[0] == run_started_event("ns", RECORD)
    assert [event.data.step for event in found[1:]] == ["early", "late"]


def test_a_run_that_was_stopped_before_it_began_has_no_start():
    found = list(recorded_events("ns", replace(RECORD, begins_at=9.0), [(STEP, 9)]))

    assert [event.data.step for event in found] == [STEP.step]
