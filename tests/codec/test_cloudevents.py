"""Events on the wire: which there are, what they say, and what makes their ids."""

from __future__ import annotations

import json

import msgspec
import pytest
from msgspec.structs import replace

from flowworker.codec.cloudevents import (
    EventData,
    attempt_events,
    cloud_event,
    decode_event,
    emitted,
    run_started_event,
    scheduled_event,
    settled_event,
    started_event,
)
from flowworker.codec.facts import to_fact
from flowworker.codec.handler_events import emitted_by_handler, emitted_in
from flowworker.codec.json import encode
from flowworker.codec.messages import StepInput, StepMessage
from flowworker.codec.waiting import waiting_event
from flowworker.core.effects import Emit
from flowworker.core.event_types import EventType
from flowworker.core.facts import AttemptFailed
from flowworker.core.payload import inline
from flowworker.core.records import ErrorInfo, RunRecord, StepRecord
from flowworker.core.status import Kind, Outcome, RunStatus

RECORD = RunRecord("r1", "orders.ship", "hash", RunStatus.RUNNING, inline(b'{"n":1}'), 5.0)
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
    output=inline(b'"paid"'),
)


def settled(**changes: object):
    return settled_event("ns", "orders.ship", "v2", replace(STEP, **changes), 9)


def test_an_event_on_the_wire():
    event = run_started_event("ns", RECORD, 3)

    assert json.loads(encode(event)) == {
        "specversion": "1.0",
        "id": event.id,
        "source": "/ns/orders.ship/r1",
        "type": "workflow.started",
        "time": "1970-01-01T00:00:05.000000+00:00",
        "datacontenttype": "application/json",
        "data": {
            "id": "r1",
            "name": "orders.ship",
            "definition": "hash",
            "revision": 3,
            "at": 5.0,
            "input": {"kind": "inline", "data": {"n": 1}},
        },
    }
    assert decode_event(encode(event)) == event


def test_a_run_that_begins_later():
    event = scheduled_event("ns", replace(RECORD, begins_at=60.0))

    assert (event.id, event.type) == ("r1/workflow.scheduled", "workflow.scheduled")
    assert event.time == "1970-01-01T00:00:05.000000+00:00"
    assert event.data.at == 60.0


def test_a_step_that_is_kept_has_one_event_and_none_of_an_execution():
    record = replace(STEP, number=0, kept_from="r0")

    (event,) = attempt_events("ns", "orders.ship", "v2", record, 9)

    assert (event.type, event.id) == (EventType.STEP_KEPT, "r1/workflow.step.kept/pay")
    assert (event.data.kept_from, event.data.step_id) == ("r0", "pay")
    assert (event.data.at, event.data.output) == (7.5, None)


def test_what_undoes_a_kept_step_is_published_as_ever():
    undone = settled(kind=Kind.COMPENSATE, number=1, kept_from="r0")

    assert undone is not None
    assert undone.type is EventType.STEP_COMPENSATED


def test_a_step_that_is_skipped_has_one_event_per_turn():
    skipped = settled(outcome=Outcome.SKIPPED, number=0)

    assert skipped is not None
    assert (skipped.type, skipped.id) == (EventType.STEP_SKIPPED, "r1/workflow.step.skipped/pay/1")


def test_what_happens_once_has_one_id():
    ids = [
        cloud_event("ns", event_type, EventData(id=run), now, detail).id
        for event_type, run, now, detail in [
            (EventType.STARTED, "r1", 0.0, ""),
            (EventType.STARTED, "r1", 1.0, ""),
            (EventType.STARTED, "r2", 0.0, ""),
            (EventType.COMPLETED, "r1", 0.0, ""),
            (EventType.COMPLETED, "r1", 0.0, "again"),
        ]
    ]

    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


def test_what_a_decision_tells():
    emit = Emit(
        EventType.STEP_RETRYING,
        detail="pay/run/1.2",
        step_id="pay",
        error="broke",
        reason="why",
        fallback_to="cash",
        number=2,
        delay=0.5,
        steps_count=4,
        failed_compensations=("ship",),
    )

    event = emitted("ns", RECORD, emit, 11, 8.0)

    assert event.type is EventType.STEP_RETRYING
    assert event.data == EventData(
        id="r1",
        name="orders.ship",
        step_id="pay",
        error="broke",
        reason="why",
        fallback_to="cash",
        number=2,
        delay=0.5,
        steps_count=4,
        failed_compensations=("ship",),
        revision=11,
        at=8.0,
    )


def test_the_claim_of_a_step_is_published_once_a_turn():
    events = [
        started_event("ns", "orders.ship", "v2", replace(STEP, **at), 4)
        for at in [{}, {"number": 3}, {"turn": 2}]
    ]

    assert {event.type for event in events} == {EventType.STEP_STARTED}
    assert {event.data.at for event in events} == {6.0}
    assert events[0].id == events[1].id != events[2].id


@pytest.mark.parametrize(
    ("changes", "event_type"),
    [
        ({}, EventType.STEP_COMPLETED),
        ({"kind": Kind.FALLBACK}, EventType.STEP_COMPLETED),
        ({"kind": Kind.COMPENSATE}, EventType.STEP_COMPENSATED),
        ({"outcome": Outcome.FAILED}, EventType.STEP_ATTEMPT_FAILED),
        ({"outcome": Outcome.FAILED, "kind": Kind.COMPENSATE}, EventType.STEP_ATTEMPT_FAILED),
        ({"outcome": Outcome.CANCELLED}, EventType.STEP_CANCELLED),
    ],
)
def test_what_is_published_of_an_attempt_that_is_over(changes, event_type):
    event = settled(**changes)

    assert event.type is event_type
    assert (event.data.step_id, event.data.turn, event.data.number) == ("pay", 1, 2)
    assert (event.data.version, event.data.worker, event.data.revision) == ("v2", "w1", 9)
    assert event.data.at == 7.5


def test_what_is_published_of_an_attempt_that_waits_for_its_handler():
    given = StepInput(inline(b"{}"))
    message = StepMessage(
        "r1", "orders.ship", "pay", "bank.pay", Kind.RUN, 1, 2, given, "key", version="v2"
    )

    event = waiting_event("ns", message, "w1", 8.0)

    assert event.type is EventType.STEP_WAITING_HANDLER
    assert (event.data.step_id, event.data.turn, event.data.number) == ("pay", 1, 2)
    assert (event.data.handler, event.data.worker, event.data.at) == ("bank.pay", "w1", 8.0)
    assert event.id == waiting_event("ns", message, "w2", 9.0).id


def test_only_completed_steps_tell_their_output():
    assert settled().data.output == STEP.output
    assert settled(kind=Kind.COMPENSATE).data.output is None
    assert settled(outcome=Outcome.FAILED).data.output is None


def test_a_failure_says_what_the_retry_policy_asks_for():
    failed = settled(outcome=Outcome.FAILED, error=ErrorInfo("Broken", "it broke", retryable=False))

    assert (failed.data.error_type, failed.data.error) == ("Broken", "it broke")
    assert failed.data.retryable is False
    assert settled(outcome=Outcome.FAILED).data.retryable is True
    assert settled(outcome=Outcome.FAILED).data.retry_after is None


def test_a_failure_says_the_same_to_who_reads_it():
    error = ErrorInfo("RetryAfter", "busy", retry_after=2.5)

    fact = to_fact(decode_event(encode(settled(outcome=Outcome.FAILED, error=error))))

    assert isinstance(fact, AttemptFailed)
    assert fact.error == error


@pytest.mark.parametrize("outcome", [Outcome.COMPLETED, Outcome.FAILED, Outcome.CANCELLED])
def test_a_start_that_is_published_late_says_nothing_of_the_outcome(outcome):
    claim = replace(STEP, outcome=Outcome.RUNNING, output=None)
    error = ErrorInfo("Broken", "it broke") if outcome is Outcome.FAILED else None
    ended = replace(STEP, outcome=outcome, error=error)

    late = started_event("ns", "orders.ship", "v2", ended, 9)

    assert late == started_event("ns", "orders.ship", "v2", claim, 9)


def test_a_step_completes_once_a_turn_and_fails_once_an_attempt():
    assert settled().id == settled(number=3).id != settled(turn=2).id
    failures = {settled(outcome=Outcome.FAILED, number=n).id for n in (1, 2, 3)}
    assert len(failures) == 3


@pytest.mark.parametrize(
    ("changes", "types"),
    [
        ({"outcome": Outcome.RUNNING}, []),
        ({"outcome": Outcome.RUNNING, "number": 1}, []),
        ({"outcome": Outcome.RUNNING, "number": 1, "worker": ""}, [EventType.STEP_STARTED]),
        ({"outcome": Outcome.RUNNING, "number": 2, "worker": ""}, []),
        ({"number": 1}, [EventType.STEP_STARTED, EventType.STEP_COMPLETED]),
        ({"number": 2}, [EventType.STEP_COMPLETED]),
        ({"number": 1, "kind": Kind.FALLBACK}, [EventType.STEP_COMPLETED]),
        # It was cancelled before anybody had claimed it
        (
            {"number": 1, "outcome": Outcome.CANCELLED, "started_at": 0.0},
            [EventType.STEP_CANCELLED],
        ),
    ],
)
def test_one_who_finds_the_record_can_tell_all_of_it_again(changes, types):
    events = attempt_events("ns", "orders.ship", "v2", replace(STEP, **changes), 9)

    assert [event.type for event in events] == types


def test_an_event_of_a_time_that_no_calendar_has_is_none():
    [event, *_] = attempt_events("ns", "orders.ship", "v2", STEP, 9)
    absurd = replace(event, data=replace(event.data, at=1e300))

    with pytest.raises(msgspec.ValidationError, match=r"\$\.data\.at"):
        decode_event(encode(absurd))


def test_what_a_handler_emits_has_its_own_type_and_data():
    first, again, other = (
        emitted_by_handler("ns", "orders.ship", "r1", "order.paid", key, {"n": 1}, 5.0)
        for key in ("a", "a", "b")
    )

    assert json.loads(encode(first)) == {
        "specversion": "1.0",
        "id": first.id,
        "source": "/ns/orders.ship/r1",
        "type": "order.paid",
        "time": "1970-01-01T00:00:05.000000+00:00",
        "datacontenttype": "application/json",
        "data": {"n": 1},
    }
    assert first.id == again.id != other.id


def test_what_is_emitted_in_a_trace_says_so():
    trace = {"traceparent": "00-1-2-01", "tracestate": "vendor=x"}

    event = emitted_by_handler("ns", "orders.ship", "r1", "order.paid", "", {}, 5.0)

    assert json.loads(encode(emitted_in(event, trace))).items() >= trace.items()
    assert emitted_in(event, {}) == event
