"""Whether the start of a run may be taken for its first one."""

from __future__ import annotations

import pytest

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.coordinator.driving.newness import Newness
from flowworker.core.event_types import EventType
from tests.support.backends import memory
from tests.support.tails import Unflushed


def start(revision, kind=EventType.STARTED):
    return cloud_event("ns", kind, EventData("r1", revision=revision), 0.0)


@pytest.fixture
async def server():
    async with memory() as backend:
        yield Unflushed(backend)


@pytest.fixture
def newness(server):
    return Newness(server.backend.tail)


@pytest.mark.parametrize(
    ("event", "redelivered", "is_new"),
    [
        (start(1), False, True),
        (start(1), True, False),
        (start(0), False, False),
        (start(1, EventType.PAUSED), False, False),
    ],
)
def test_where_nothing_is_lost_a_start_with_its_record_that_comes_first_is_new(
    event, redelivered, is_new
):
    newness = Newness(None)

    assert newness.is_new(event, redelivered=redelivered) is is_new
    assert not newness.is_lost()
    assert newness.incarnation == ""


def test_elsewhere_that_of_a_run_that_was_made_since_the_server_s_start(newness):
    assert not newness.is_new(start(1_000_000), redelivered=False)

    newness.believe(7, "first")
    newness.believe(9, "first")

    assert newness.is_new(start(8), redelivered=False)
    assert not newness.is_new(start(7), redelivered=False)
    assert not newness.is_new(start(8), redelivered=True)


def test_each_start_of_the_server_is_lost_once_and_ends_all_belief(server, newness):
    newness.believe(7, "first")
    assert not newness.is_lost()

    server.incarnation = "second"
    newness.believe(8, "first")  # that life is over

    assert newness.is_lost()
    assert not newness.is_lost()
    assert not newness.is_new(start(9), redelivered=False)
    newness.believe(8, "second")
    assert newness.is_new(start(9), redelivered=False)
