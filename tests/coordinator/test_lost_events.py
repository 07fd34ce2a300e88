"""What a stream of events has lost is published again, and nothing is believed before that."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode
from flowworker.codec.senders import Published
from flowworker.coordinator.driving.active import ActiveRuns
from flowworker.core.attempt import Attempt
from flowworker.core.event_types import EventType
from flowworker.core.facts import AttemptFailed
from flowworker.core.ids import COORDINATOR
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import ErrorInfo, RunRecord
from flowworker.core.status import Kind, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.errors import Unavailable
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from tests.coordinator.support import parts_of, shared_of
from tests.support.backends import memory
from tests.support.tails import Unflushed

FLOW = Workflow("two", (Step("a", "any"), Step("b", "any", depends_on=("a",))))
RUN = "r1"
FIRST = Attempt(Kind.RUN, 1, 1)


def said(event, sender=COORDINATOR, stored=0.0):
    return Published(sender, event, stored)


class Flow:
    """A run on a server that may lose events, and who drives it."""

    def __init__(self, backend):
        self.server = Unflushed(backend)
        self.events = backend.events
        self.stores = stores_of(self.server.backend)
        self.clock = ManualClock()

    def driver(self):
        parts = parts_of(self.stores, self.clock)
        shared = shared_of(self.stores, parts.performer)
        metrics = Metrics(CollectorRegistry())
        return ActiveRuns(self.stores, shared, lambda: 10, lambda run: False, self.clock, metrics)

    async def begin(self):
        await self.stores.definitions.register(FLOW)
        record = RunRecord(RUN, "two", plan_of(FLOW).hash, RunStatus.RUNNING, EMPTY, 0.0)
        await self.stores.runs.save(record, 0)

    async def ask(self, kind):
        event = cloud_event("ns", kind, EventData(RUN, "two"), 0.0, "1")
        events = self.stores.backend.events
        await events.publish_before_end(RUN, kind, encode(event), event.id)
        return event

    def lose(self):
        """The server is started anew, and has lost all events."""
        log: Any = self.events
        log._runs.clear()
        log._window._seen.clear()
        self.server.incarnation = "second"

    async def history(self):
        return [one.type for one in await self.events.history(RUN)]


@pytest.fixture
async def flow():
    async with memory(partitions=1) as backend:
        flow = Flow(backend)
        await flow.begin()
        yield flow


async def test_what_the_history_has_lost_comes_before_what_follows_from_it(flow):
    event = await flow.ask(EventType.CANCEL_REQUESTED)
    flow.lose()

    # When that comes which was delivered before it was lost
    await flow.driver().rebuild(RUN, cause=said(event, stored=flow.clock.now()))

    asked, *follows = (await flow.history())[1:]
    assert asked == EventType.CANCEL_REQUESTED
    assert EventType.STEP_CANCELLED in follows


async def test_what_was_decided_before_a_start_of_the_server_is_not_published_after_it(flow):
    runs = flow.driver()
    live = await runs.rebuild(RUN)
    flow.lose()

    failed = AttemptFailed("a", FIRST, ErrorInfo("E", "no", retryable=False), 9, 0.0)
    with pytest.raises(Unavailable, match="the server was started anew"):
        await runs.follow(live, failed)

    assert await flow.history() == []


async def test_after_a_start_of_the_server_a_run_is_rebuilt_before_it_is_followed(flow):
    runs = flow.driver()
    live = await runs.rebuild(RUN)
    event = cloud_event("ns", EventType.TIMED_OUT, EventData(RUN), 0.0)
    assert await runs.view(RUN, said(event), generation=0, redelivered=False) is live

    flow.lose()

    assert await runs.view(RUN, said(event), generation=0, redelivered=False) is not live
