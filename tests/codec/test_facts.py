"""The event types that coordinators are handed are those that `decide` understands."""

from __future__ import annotations

from flowworker.codec.cloudevents import FACT_TYPES, EventData, cloud_event, to_fact
from flowworker.core.commands import EventType
from flowworker.core.status import HumanAction, Kind


def test_fact_types_are_exactly_those_with_a_meaning():
    data = EventData(id="r", kind=Kind.RUN, action=HumanAction.RETRY)

    meant = {kind for kind in EventType if to_fact(cloud_event("ns", kind, data, 0.0)) is not None}

    assert meant == set(FACT_TYPES)
