"""Events that no other record tells of are kept as long as their stream may lose them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.handler_events import EmitMark
from flowworker.codec.json import encode
from flowworker.codec.keys import emit_key
from flowworker.core.event_types import EventType
from flowworker.stores.outbox import Lost
from flowworker.stores.removal import remove_run
from flowworker.stores.stores import stores_of
from flowworker.testing import ManualClock
from tests.support.backends import memory
from tests.support.tails import Unflushed

RUN = "r1"
EMITTED = b'{"id":"r1/emit/paid/0f"}'


@pytest.fixture
async def server():
    async with memory() as backend:
        yield Unflushed(backend)


@pytest.fixture
def backend(server):
    return server.backend


@pytest.fixture
def stores(backend):
    return stores_of(backend)


def event(kind, detail=""):
    return cloud_event("flowworker", kind, EventData(RUN), 0.0, detail)


async def ask(stores, kind, detail):
    asked = event(kind, detail)
    return await stores.backend.events.publish_before_end(RUN, kind, encode(asked), asked.id)


async def publish(stores, kind, run=RUN):
    said = event(kind)
    await stores.backend.events.publish(run, kind, encode(said), said.id)


async def kept(stores, history=RUN, published=()):
    return [one.type for one in await stores.outbox.kept(history, published)]


async def test_what_comes_from_outside_is_kept_and_what_records_imply_is_not(stores):
    await publish(stores, EventType.STARTED)
    await ask(stores, EventType.PAUSED, "1")
    await ask(stores, EventType.CANCEL_REQUESTED, "2")
    await publish(stores, EventType.REJECTED)
    await publish(stores, "workflow.schedule.fired", "schedule:nightly")
    await publish(stores, EventType.COMPLETED)

    assert await kept(stores) == [
        "workflow.paused",
        "workflow.cancel_requested",
        "workflow.rejected",
    ]
    assert await stores.outbox.histories() == {RUN, "schedule:nightly"}
    assert await kept(stores, "schedule:nightly") == ["workflow.schedule.fired"]


async def test_what_came_too_late_is_not_kept(stores):
    await publish(stores, EventType.CANCELLED)

    assert not await ask(stores, EventType.PAUSED, "1")
    assert await kept(stores) == []


async def test_where_nothing_is_lost_nothing_is_kept_nor_asked_for(stores):
    async with memory() as backend:
        others = stores_of(backend)
        await ask(others, EventType.PAUSED, "1")

        assert others.backend is backend
        assert await backend.runs.keys("outbox.>") == []
        await backend.runs.put("outbox.r1.0f", encode(event(EventType.PAUSED)))
        assert await kept(others) == []


MARK = encode(EmitMark(1, "r1/emit/paid/0f", msgspec.Raw(EMITTED)))


@pytest.mark.parametrize(
    ("mark", "found"),
    [
        (MARK, [Lost(RUN, "emit.paid.0f", "r1/emit/paid/0f", EMITTED)]),
        (b'{"v":1,"id":"r1/emit/paid/0f"}', []),  # made where nothing is lost
        (b"{}", []),  # by a user of the Go package's state store
        (b"?", []),
        (b'{"v":1,"id":"r1/workflow.completed","event":{}}', []),  # no handler emits that
    ],
)
async def test_what_handlers_emitted_stands_in_its_mark(stores, mark, found):
    await stores.backend.runs.put(emit_key("gpu", RUN, "paid.0f"), mark)

    assert await stores.outbox.kept(RUN, []) == found


@pytest.mark.parametrize("sender", ["gpu", "coordinator"])
async def test_what_was_emitted_and_is_there_is_not_asked_for(stores, sender):
    await stores.backend.runs.put(emit_key("gpu", RUN, "paid.0f"), MARK)
    events = stores.backend.events
    await events.publish(RUN, "emit.paid.0f", EMITTED, "e", sender=sender)

    assert await kept(stores, published=await events.history(RUN)) == []


@pytest.mark.parametrize(
    ("kind", "after_its_end"),
    [
        ("emit.paid", 1),
        ("workflow.schedule.fired", 1),
        ("workflow.rejected", 0),
        ("workflow.paused", 0),
    ],
)
async def test_what_is_said_of_a_run_is_published_again_only_before_its_end(
    stores, kind, after_its_end
):
    events = stores.backend.events
    await Lost(RUN, kind, "e1", b"{}").publish(events)
    await publish(stores, EventType.COMPLETED)
    await Lost(RUN, kind, "e2", b"{}").publish(events)

    history = [one.type for one in await events.history(RUN)]
    assert history.count(kind) == (1 if kind.startswith("emit.") else 1 + after_its_end)


async def test_what_was_kept_before_a_revision_is_removed(stores, backend):
    await ask(stores, EventType.PAUSED, "1")
    await publish(stores, EventType.REJECTED, "r2")
    revision = await backend.runs.put("looked.0", b"")
    await ask(stores, EventType.UNPAUSED, "2")

    for nothing in (0, 1):
        await stores.outbox.clear(RUN, nothing)
    assert await stores.outbox.histories() == {RUN, "r2"}
    for history in (RUN, "r2"):
        await stores.outbox.clear(history, revision)

    assert await kept(stores) == ["workflow.unpaused"]
    assert await stores.outbox.histories() == {RUN}


@pytest.mark.parametrize("kind", [EventType.PAUSED, EventType.REJECTED])
async def test_what_is_lost_before_it_is_kept_is_published_again(server, stores, kind):
    # Else a look may have come in between
    log, outbox = server.backend.events, stores.backend.events._outbox
    keep = outbox.keep

    async def late(*event):
        if server.incarnation == "first":
            await log.drop(RUN)
            log._window._seen.clear()
            server.incarnation = "second"
        await keep(*event)

    outbox.keep = late
    await (publish(stores, kind) if kind is EventType.REJECTED else ask(stores, kind, "1"))

    assert [one.type for one in await log.history(RUN)] == [kind]


async def test_of_a_run_that_is_removed_nothing_is_kept(stores):
    await ask(stores, EventType.PAUSED, "1")

    await remove_run(stores, RUN, None, ManualClock())

    assert await stores.outbox.histories() == set()


async def test_the_rest_of_the_log_is_as_it_is(stores, backend):
    log = stores.backend.events
    got: list[Any] = []
    consumer = await log.consume(0, got.append)
    await publish(stores, EventType.STARTED)

    assert log.partitions == backend.events.partitions
    assert await log.history(RUN) == await backend.events.history(RUN)
    await log.drop(RUN)
    assert await backend.events.history(RUN) == []
    await consumer.stop()
