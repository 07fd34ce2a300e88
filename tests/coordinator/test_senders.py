"""Events are believed as far as their senders can know what they say."""

from __future__ import annotations

import pytest

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode
from flowworker.core.event_types import EventType
from flowworker.core.status import Kind
from tests.coordinator.partition import RUN


def event(event_type, detail="", **data):
    return encode(cloud_event("ns", event_type, EventData(RUN, **data), 0.0, detail))


def of_step(step, detail=""):
    detail = detail or f"{step}/1"
    data = {"step_id": step, "kind": Kind.RUN, "turn": 1, "number": 1}
    return event(EventType.STEP_COMPLETED, detail, **data)


STARTED = event(EventType.STARTED, name="two", revision=1)
CANCEL = event(EventType.CANCEL_REQUESTED, reason="why")


def refused(metrics):
    return metrics.events_refused._value.get()


async def test_a_worker_is_believed_about_the_steps_of_its_queue(deliver, held, metrics):
    assert await deliver(of_step("a"), sender="default") == ["ack"]

    assert held.asked[0][0] == "follow"
    assert refused(metrics) == 0


@pytest.mark.parametrize(
    ("data", "sender"),
    [
        pytest.param(of_step("a"), "gpu", id="a step of another queue"),
        pytest.param(of_step("c"), "default", id="a step that there is not"),
        pytest.param(of_step("a", "b/1"), "default", id="under the id of another step"),
        pytest.param(CANCEL, "default", id="a cancellation"),
        pytest.param(STARTED, "default", id="a start"),
    ],
)
async def test_what_its_sender_cannot_know_changes_nothing(deliver, held, metrics, data, sender):
    assert await deliver(data, sender=sender) == ["ack"]

    assert held.asked == []
    assert refused(metrics) == 1


async def test_an_event_is_of_the_type_that_it_stands_under(deliver, held, metrics):
    assert await deliver(CANCEL, sender="default", named=EventType.STEP_COMPLETED) == ["ack"]

    assert (held.views, held.asked) == ([], [])
    assert refused(metrics) == 1
