"""The event types that coordinators are handed are those that `decide` understands."""

from __future__ import annotations

import pytest

from flowworker.codec.cloudevents import (
    EventData,
    cloud_event,
    run_started_event,
)
from flowworker.codec.facts import FACT_TYPES, begun_run, read_event, to_fact
from flowworker.codec.json import encode
from flowworker.core.event_types import EVENT_VERSION, EventType
from flowworker.core.payload import inline
from flowworker.core.records import RunRecord
from flowworker.core.schedule import OfSchedule
from flowworker.core.status import HumanAction, Kind, Priority, RunStatus
from flowworker.errors import InvalidInput, NewerRelease


def test_fact_types_are_exactly_those_with_a_meaning():
    data = EventData(id="r", kind=Kind.RUN, action=HumanAction.RETRY)

    meant = {kind for kind in EventType if to_fact(cloud_event("ns", kind, data, 0.0)) is not None}

    assert meant == set(FACT_TYPES)


def test_a_run_begins_as_it_was_created():
    record = RunRecord(
        "r1",
        "w",
        "hash",
        RunStatus.RUNNING,
        inline(b'{"n":1}'),
        5.0,
        version="v2",
        priority=Priority.HIGH,
        origin="7@1",
        sent="ab",
        reply_to="_INBOX.x",
        trace="00-1-2-01",
        schedule=OfSchedule("nightly", 4.0),
        labels={"team": "a"},
    )

    event = read_event("r1", encode(run_started_event("ns", record, 9)))

    assert begun_run(event) == record
    assert event.data.revision == 9


@pytest.mark.parametrize(
    "more", [{}, {"kind": "unheard-of"}], ids=["as it is now", "in another form"]
)
def test_an_event_of_a_newer_release_is_no_damage(more):
    data = {"id": "r1", "at": 1.0, "v": EVENT_VERSION + 1, **more}
    event = {"id": "e", "source": "s", "type": "workflow.started", "time": "t", "data": data}

    with pytest.raises(NewerRelease, match=f"an event of run r1: .*in version {EVENT_VERSION + 1}"):
        read_event("r1", encode(event))


@pytest.mark.parametrize(("run", "raw"), [("r1", b"{}"), ("r1", b"no JSON"), ("r.1", b"{}")])
def test_what_is_no_event_is_not_of_a_newer_release(run, raw):
    with pytest.raises(InvalidInput):
        read_event(run, raw)
