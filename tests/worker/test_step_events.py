"""The events of step records: pure, with ids that stay the same however often they are reported."""

from __future__ import annotations

import pytest

from flowworker.codec.cloudevents import decode_event, settled_event, started_event
from flowworker.codec.facts import to_fact
from flowworker.codec.handler_events import emitted_by_handler
from flowworker.codec.json import encode
from flowworker.core import facts
from flowworker.core.attempt import Attempt
from flowworker.core.payload import inline
from flowworker.core.records import ErrorInfo, StepRecord
from flowworker.core.status import Kind, Outcome

OUTPUT = inline(b'{"x":1}')
ERROR = ErrorInfo("CardDeclined", "no money", retryable=False)


def record(kind=Kind.RUN, outcome=Outcome.COMPLETED, **fields):
    return StepRecord(
        "r1", "a.b", kind, 2, 3, outcome, worker="w", started_at=1.0, finished_at=2.5, **fields
    )


@pytest.mark.parametrize(
    ("settled", "event_id", "fact"),
    [
        (
            record(output=OUTPUT),
            "r1/workflow.step.completed/a.b/2",
            facts.StepCompleted("a.b", Attempt(Kind.RUN, 2, 3), OUTPUT, 9),
        ),
        (
            record(Kind.FALLBACK, output=OUTPUT),
            "r1/workflow.step.completed/a.b/2",
            facts.StepCompleted("a.b", Attempt(Kind.FALLBACK, 2, 3), OUTPUT, 9),
        ),
        (
            record(Kind.COMPENSATE, output=OUTPUT, completed=5),
            "r1/workflow.step.compensated/a.b",
            facts.Compensated("a.b", 9),
        ),
        (
            record(outcome=Outcome.FAILED, error=ERROR),
            "r1/workflow.step.attempt_failed/a.b/run/2.3",
            facts.AttemptFailed("a.b", Attempt(Kind.RUN, 2, 3), ERROR, 9, 2.5),
        ),
        (
            record(Kind.COMPENSATE, Outcome.FAILED, error=ERROR, output=OUTPUT),
            "r1/workflow.step.attempt_failed/a.b/compensate/2.3",
            facts.AttemptFailed("a.b", Attempt(Kind.COMPENSATE, 2, 3), ERROR, 9, 2.5),
        ),
        (
            record(Kind.FALLBACK, Outcome.CANCELLED),
            "r1/workflow.step.cancelled/a.b/fallback/2.3",
            facts.StepCancelled("a.b", 9),
        ),
    ],
)
def test_a_settled_record_becomes_one_event_and_one_fact(settled, event_id, fact):
    event = settled_event("shop", "order", "v1", settled, 9)

    assert event is not None
    assert event.id == event_id
    assert event.source == "/shop/order/r1"
    assert event.time == "1970-01-01T00:00:02.500000+00:00"
    assert event.data.worker == "w"
    assert to_fact(decode_event(encode(event))) == fact
    assert settled_event("shop", "order", "v1", settled, 9) == event


def test_a_running_attempt_has_no_outcome_to_tell():
    assert settled_event("shop", "order", "v1", record(outcome=Outcome.RUNNING), 9) is None


def test_a_start_is_reported_once_per_turn():
    event = started_event("shop", "order", "v1", record(outcome=Outcome.RUNNING), 9)

    assert event.id == "r1/workflow.step.started/a.b/2"
    assert event.time == "1970-01-01T00:00:01.000000+00:00"
    assert to_fact(event) is None


def test_the_event_of_a_handler_has_an_id_of_its_own():
    plain = emitted_by_handler("shop", "order", "r1", "order.paid", "", {"a": 1}, 1.0)
    keyed = emitted_by_handler("shop", "order", "r1", "order.paid", "k", {"a": 1}, 1.0)

    assert (plain.id, keyed.id) == ("r1/emit/order.paid", "r1/emit/order.paid/k")
