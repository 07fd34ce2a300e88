"""Instances of loops, on the wire."""

from __future__ import annotations

from flowworker.codec.cloudevents import decode_event, settled_event
from flowworker.codec.facts import to_fact
from flowworker.codec.json import encode
from flowworker.core.facts import StepCompleted
from flowworker.core.payload import EMPTY
from flowworker.core.records import StepRecord
from flowworker.core.status import Kind, Outcome


def test_events_of_an_instance_name_its_loop_and_its_index():
    record = StepRecord("r1", "resize/3", Kind.RUN, 1, 1, Outcome.COMPLETED, finished_at=7.0)

    event = settled_event("ns", "w", "", record, 9)

    assert event is not None
    assert (event.data.step_id, event.data.index, event.data.step) == ("resize", 3, "resize/3")
    assert event.id == "r1/workflow.step.completed/resize/3/1"
    fact = to_fact(decode_event(encode(event)))
    assert fact == StepCompleted("resize/3", record.attempt, EMPTY, 9)
