"""Iterations of a step, on the wire."""

from __future__ import annotations

from msgspec.structs import replace

from flowworker.codec.cloudevents import settled_event, started_event
from flowworker.core.event_types import EventType
from flowworker.core.records import StepRecord
from flowworker.core.status import Kind, Outcome


def test_each_iteration_begins_and_ends_with_an_event_of_its_own():
    record = StepRecord("r1", "poll", Kind.RUN, 1, 1, Outcome.ITERATED, finished_at=7.0)
    iterations = [replace(record, iteration=n) for n in (1, 2)]

    begun = [started_event("ns", "w", "", each, 4) for each in iterations]
    ended = [event for each in iterations if (event := settled_event("ns", "w", "", each, 5))]

    assert len({event.id for event in begun + ended}) == 4
    assert {event.type for event in ended} == {EventType.STEP_ITERATED}
    assert [event.data.iteration for event in ended] == [1, 2]
