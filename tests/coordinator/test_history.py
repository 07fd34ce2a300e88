"""What a run's history says beyond its records."""

from __future__ import annotations

import pytest

from flowworker.codec.cloudevents import EventData, cloud_event, emitted_by_handler
from flowworker.codec.json import encode
from flowworker.coordinator.history import History
from flowworker.core.event_types import EventType
from flowworker.core.facts import CancelRequested, HumanDecided, TimedOut
from flowworker.core.status import HumanAction, Kind

RUN = "r1"


def event(event_type, detail="", **data):
    return cloud_event("ns", event_type, EventData(id=RUN, **data), 0.0, detail)


def answer(number, step=""):
    data = {"step_id": step, "action": HumanAction.RETRY}
    return event(EventType.HUMAN_DECIDED, str(number), **data)


def waits(step, turn=1):
    return event(EventType.WAITING_HUMAN, f"{step}/{turn}", step_id=step)


def history_of(*events):
    return History([encode(one) for one in events])


def answers(history):
    return [request.id.rpartition("/")[2] for request in history.requests]


def test_ids_of_all_events_are_known():
    emitted = emitted_by_handler("ns", "flow", RUN, "order.paid", "1", {"n": 1}, 0.0)
    started = event(EventType.STARTED)

    history = history_of(started, emitted)

    assert started.id in history
    assert emitted.id in history
    assert event(EventType.COMPLETED).id not in history
    assert history.requests == []


def test_requests_come_in_their_order():
    history = history_of(
        event(EventType.STARTED),
        event(EventType.TIMED_OUT),
        event(EventType.CANCEL_REQUESTED, reason="why", terminate=True),
        event(EventType.STEP_STARTED, "a/1", step_id="a"),
    )

    assert history.requests == [TimedOut(), CancelRequested("why", True)]


def test_an_answer_is_meant_for_a_step_that_waits_when_it_comes():
    # The first came too early, the third when nobody waited any more
    history = history_of(answer(1, "a"), waits("a"), answer(2, "a"), answer(3, "a"))
    assert answers(history) == ["2"]

    history = history_of(waits("a"), answer(1, "a"), waits("b"), answer(2, "b"), waits("a", 2))
    assert answers(history) == ["2"]


def test_an_answer_without_a_step_is_meant_for_the_only_one_that_waits():
    history = history_of(waits("a"), answer(1), waits("b"))
    assert [(request.id[-1], request.step) for request in history.requests] == [("1", "a")]

    # Ambiguous when it came, it was ignored, and is not meant for the one that waits on
    history = history_of(waits("a"), waits("b"), answer(1), answer(2, "a"))
    assert [(request.id[-1], request.step) for request in history.requests] == [("2", "a")]

    assert answers(history_of(answer(1), waits("a"))) == []


def of_step(revision, step="a"):
    data = {"step_id": step, "kind": Kind.RUN, "revision": revision}
    return event(EventType.STEP_COMPLETED, f"{step}/{revision}", **data)


@pytest.mark.parametrize(
    ("events", "ahead"),
    [
        ([], False),
        ([event(EventType.STARTED, revision=3)], False),
        ([event(EventType.CANCEL_REQUESTED)], False),
        ([event(EventType.COMPENSATING, revision=4)], True),
        ([of_step(5)], False),
        ([of_step(6), of_step(5)], True),
        ([of_step(1, "b")], True),
    ],
)
def test_records_that_are_older_than_what_was_published(events, ahead):
    history, steps = history_of(*events), {"a": (None, 5)}

    assert history.is_ahead(3, steps, now=10.0) is ahead
    # Nobody shows what was for that long: the records are right then
    assert not history.is_ahead(3, steps, now=100.0)


def test_a_run_of_which_an_event_was_published_exists():
    assert history_of(event(EventType.STARTED)).is_ahead(0, {}, now=10.0)
    assert history_of(event(EventType.CANCEL_REQUESTED)).is_ahead(0, {}, now=10.0)
    assert not history_of(event(EventType.REJECTED)).is_ahead(0, {}, now=10.0)


def test_what_is_published_later_counts():
    history = history_of(waits("a"), answer(1, "a"))
    history.add(waits("a", turn=2))
    assert history.requests == []
    assert waits("a", turn=2).id in history

    history.add(answer(2, "a"))
    assert isinstance(history.requests[0], HumanDecided)


def test_what_is_published_later_need_not_ask_for_anything():
    history = history_of()
    for event_type in (EventType.REJECTED, EventType.STARTED):
        history.add(event(event_type))
        assert event(event_type).id in history

    assert history.requests == []


@pytest.mark.parametrize(
    "raw",
    [
        b"hello",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"id": "x", "type": "workflow.human_decided", "data": {"action": "of a newer release"}}',
    ],
)
def test_what_is_no_event_of_ours_is_passed_over(raw):
    history = History([raw, encode(event(EventType.TIMED_OUT))])

    assert history.requests == [TimedOut()]
