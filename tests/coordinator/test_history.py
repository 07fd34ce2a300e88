"""What a run's history says beyond its records."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode
from flowworker.coordinator.history import History
from flowworker.core.event_types import EventType
from flowworker.core.facts import CancelRequested, HumanDecided, TimedOut
from flowworker.core.model import Step, Workflow
from flowworker.core.status import HumanAction, Kind
from flowworker.definitions.content import plan_of
from tests.support.histories import stored

RUN = "r1"


def event(event_type, detail="", **data):
    return cloud_event("ns", event_type, EventData(id=RUN, **data), 0.0, detail)


def answer(number, step=""):
    data = {"step_id": step, "action": HumanAction.RETRY}
    return event(EventType.HUMAN_DECIDED, str(number), **data)


def waits(step, turn=1):
    return event(EventType.WAITING_HUMAN, f"{step}/{turn}", step_id=step)


def history_of(*events):
    return History(RUN, None, [stored(one.type, encode(one)) for one in events])


def answers(history):
    return [request.id.rpartition("/")[2] for request in history.requests]


def test_ids_of_all_events_are_known():
    started = event(EventType.STARTED)

    history = history_of(started)

    assert started.id in history
    assert event(EventType.COMPLETED).id not in history
    assert history.requests == []


def test_requests_to_a_run_that_had_the_id_before_are_left_out():
    asked = event(EventType.CANCEL_REQUESTED, reason="why", origin="4@8.000000")
    found = [stored(asked.type, encode(asked))]

    assert History(RUN, None, found, "5@9.000000").requests == []
    assert History(RUN, None, found, "4@8.000000").requests == [CancelRequested("why")]


@pytest.mark.parametrize("event_type", [EventType.CANCEL_REQUESTED, EventType.STARTED])
def test_a_record_of_a_run_that_had_the_id_before_is_stale(event_type):
    of_later = event(event_type, origin="5@9.000000")
    found = [stored(of_later.type, encode(of_later))]

    before, same = (History(RUN, None, found, origin) for origin in ("4@8.0", "5@9.000000"))

    assert before.is_ahead(3, {}, now=59.0)
    assert not before.is_ahead(3, {}, now=61.0)  # then it is what there is
    assert not same.is_ahead(3, {}, now=59.0)


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


def test_a_run_whose_start_was_published_is_not_to_begin_later():
    begun = history_of(event(EventType.SCHEDULED), event(EventType.STARTED))

    assert begun.is_ahead(1, {}, now=10.0, unbegun=True)
    assert not begun.is_ahead(2, {}, now=10.0)
    assert not begun.is_ahead(1, {}, now=100.0, unbegun=True)
    assert not history_of(event(EventType.SCHEDULED)).is_ahead(1, {}, now=10.0, unbegun=True)


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
    timed_out = stored(EventType.TIMED_OUT, encode(event(EventType.TIMED_OUT)))

    history = History(RUN, None, [stored(EventType.HUMAN_DECIDED, raw), timed_out])

    assert history.requests == [TimedOut()]


PLAN = plan_of(Workflow("flow", (Step("a", "do", queue="gpu"),)))


def said(event, sender="gpu", named=None):
    return History(RUN, PLAN, [stored(named or event.type, encode(event), sender)])


def test_a_worker_is_believed_about_its_own_steps():
    completed = of_step(5)

    history = said(completed)

    assert completed.id in history
    assert history.is_ahead(3, {"a": (None, 4)}, now=10.0)


def test_a_worker_is_not_believed_about_a_run_that_is_to_have_the_id():
    forged = of_step(5)
    forged = replace(forged, data=replace(forged.data, origin="5@9.0"))

    assert forged.id in (history := said(forged))
    assert not history.is_ahead(3, {"a": (None, 5)}, now=10.0)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda: said(of_step(5), "cpu"), id="a step of another queue"),
        pytest.param(lambda: said(of_step(5, "b")), id="a step that there is not"),
        pytest.param(lambda: said(event(EventType.CANCEL_REQUESTED)), id="about the run"),
        pytest.param(lambda: said(event(EventType.COMPLETED)), id="the end"),
        pytest.param(
            lambda: said(event(EventType.CANCEL_REQUESTED), named=EventType.STEP_COMPLETED),
            id="under another type",
        ),
        pytest.param(
            lambda: said(event(EventType.STEP_COMPLETED, "b/1", step_id="a", kind=Kind.RUN)),
            id="under the id of another step",
        ),
    ],
)
def test_what_its_sender_cannot_know_is_left_out(forged):
    history = forged()

    assert history.requests == []
    assert not history.is_ahead(0, {}, now=10.0)
    for event_type in (EventType.COMPLETED, EventType.CANCEL_REQUESTED):
        assert event(event_type).id not in history
    assert of_step(5).id not in history
    assert event(EventType.STEP_COMPLETED, "b/1").id not in history


def test_without_a_plan_no_worker_is_believed():
    completed = of_step(5)

    history = History(RUN, None, [stored(completed.type, encode(completed), "gpu")])

    assert completed.id not in history


def test_a_refused_cause_is_not_added():
    history = History(RUN, PLAN, [])

    history.add(of_step(5), "cpu")

    assert of_step(5).id not in history
