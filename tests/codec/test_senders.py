"""Who may publish what, as a table."""

from __future__ import annotations

import pytest

from flowworker.codec.cloudevents import CloudEvent, EventData
from flowworker.codec.senders import (
    Refused,
    check_sender,
    is_consistent,
    is_of_earlier_run,
    is_of_later_run,
    published,
    refusal,
)
from flowworker.core.event_types import EventType
from flowworker.core.ids import COORDINATOR
from flowworker.core.model import Step, Workflow
from flowworker.definitions.content import plan_of

RUN = "r1"
PLAN = plan_of(Workflow("flow", (Step("a", "do", queue="gpu"), Step("a.b", "do"))))
DONE, ENDED = EventType.STEP_COMPLETED, EventType.COMPLETED


@pytest.mark.parametrize(
    ("sender", "subject", "event_type", "identity", "consistent"),
    [
        (COORDINATOR, ENDED, ENDED, "r1/workflow.completed", True),
        (COORDINATOR, DONE, DONE, "anything", True),
        (COORDINATOR, DONE, ENDED, "r1/workflow.completed", False),
        ("gpu", DONE, DONE, "r1/workflow.step.completed/a/1", True),
        ("gpu", DONE, DONE, "r2/workflow.step.completed/a/1", False),
        ("gpu", DONE, DONE, "r1/workflow.step.completed.more/a", False),
        ("gpu", DONE, DONE, "r1/workflow.completed", False),
        ("gpu", DONE, ENDED, "r1/workflow.completed", False),
        ("gpu", ENDED, ENDED, "r1/workflow.completed", False),
        ("gpu", "emit.order.paid", "order.paid", "any", True),
        ("gpu", "emit.order.paid.16367aacb67a4a01", "order.paid", "any", True),
        ("gpu", "emit.order.paid", "order.pa", "any", False),
        ("gpu", "emit.x", ENDED, "r1/workflow.completed", False),
    ],
)
def test_what_an_event_may_say_of_itself(sender, subject, event_type, identity, consistent):
    assert is_consistent(RUN, sender, subject, event_type, identity) is consistent


@pytest.mark.parametrize(
    ("sender", "event_type", "identity", "step", "why"),
    [
        (COORDINATOR, ENDED, "r1/workflow.completed", "", ""),
        ("gpu", DONE, "r1/workflow.step.completed/a/1", "a", ""),
        ("default", DONE, "r1/workflow.step.completed/a.b/1", "a.b", ""),
        ("default", DONE, "r1/workflow.step.completed/a/1", "a", "none of queue 'default'"),
        ("gpu", DONE, "r1/workflow.step.completed/c/1", "c", "none of queue 'gpu'"),
        ("gpu", DONE, "r1/workflow.step.completed/a.b/1", "a", "that of another event"),
        ("gpu", DONE, "r2/workflow.step.completed/a/1", "a", "that of another event"),
        ("gpu", ENDED, "r1/workflow.completed", "a", "no worker may publish"),
        ("gpu", "emit.order.paid", "any", "a", "no worker may publish"),
    ],
)
def test_why_an_event_is_not_believed(sender, event_type, identity, step, why):
    found = refusal(RUN, sender, event_type, identity, step, PLAN)

    assert bool(found) is bool(why)
    assert why in found


def test_without_a_definition_no_worker_knows_a_step():
    assert refusal(RUN, "gpu", DONE, "r1/workflow.step.completed/a/1", "a", None)
    assert not refusal(RUN, COORDINATOR, DONE, "r1/workflow.step.completed/a/1", "a", None)


def completed(step):
    identity = f"r1/{DONE}/{step}/1"
    return CloudEvent(identity, "/ns/flow/r1", DONE, "now", EventData(id=RUN, step_id=step))


def test_an_event_is_believed_of_the_queue_of_its_step_and_of_no_other():
    said = published(f"event.3.r1.gpu.{DONE}", completed("a"), 7.0)
    check_sender(RUN, said, PLAN)

    assert said == ("gpu", completed("a"), 7.0)
    with pytest.raises(Refused, match="none of queue 'default'"):
        check_sender(RUN, published(f"event.3.r1.default.{DONE}", completed("a"), 7.0), PLAN)


@pytest.mark.parametrize(
    ("about", "origin", "earlier", "later"),
    [
        ("", "5@9.000000", False, False),
        ("5@9.000000", "5@9.000000", False, False),
        ("4@8.000000", "5@9.000000", True, False),
        ("6@9.500000", "5@9.000000", False, True),  # then the record is what is old
        ("4@8.000000", "", False, True),
    ],
)
def test_what_was_asked_of_a_refused_run_is_not_meant_for_the_next_one(
    about, origin, earlier, later
):
    asked = EventType.CANCEL_REQUESTED
    identity = f"{RUN}/{asked}/1"
    event = CloudEvent(identity, "/ns/flow/r1", asked, "now", EventData(id=RUN, origin=about))
    said = published(f"event.3.r1.{COORDINATOR}.{asked}", event, 7.0)

    assert is_of_earlier_run(event.data.origin, origin) is earlier
    assert is_of_later_run(event.data.origin, origin) is later
    if earlier:
        with pytest.raises(Refused, match="had the id before"):
            check_sender(RUN, said, PLAN, origin)
    else:
        check_sender(RUN, said, PLAN, origin)


def test_an_event_under_another_type_is_not_believed():
    with pytest.raises(Refused, match="'gpu' may not publish it"):
        published(f"event.3.r1.gpu.{EventType.STEP_STARTED}", completed("a"), 7.0)
