"""The events stream: republishing, histories of any length, once."""

from __future__ import annotations

import asyncio
from typing import Any

import nats
import pytest

from flowworker.core.ids import partition_of
from flowworker.errors import Conflict, Unavailable
from flowworker.jetstream import TopologyOptions, history, open_backend
from tests.support.histories import bodies
from tests.support.waiting import WAIT_LIMIT, eventually, quiet_for

STARTED = "workflow.started"
CANCEL = "workflow.cancel_requested"


async def test_the_default_namespace_tells_under_bare_types(options):
    # Given the default namespace
    backend = await open_backend(options, topology=TopologyOptions(storage="memory"))
    heard: list[Any] = []
    stop = await backend.notifier.subscribe("workflow.>", lambda *events: heard.append(events))

    await backend.events.publish("run-1", "workflow.step.completed", b"{}", "a")

    await eventually(lambda: heard)
    assert heard == [("workflow.step.completed", b"{}")]
    stop()
    await backend.close()


async def test_a_long_history_is_whole_and_in_order(open_jetstream, monkeypatch):
    # Given a history of several batches, among others
    monkeypatch.setattr(history, "BATCH", 70)
    backend = await open_jetstream()
    for i in range(300):
        await asyncio.gather(
            backend.events.publish("run-1", STARTED, b"%d" % i, f"{i}"),
            backend.events.publish("run-2", STARTED, b"no", f"2/{i}"),
        )

    assert await bodies(backend.events, "run-1") == [b"%d" % i for i in range(300)]


async def test_history_without_batches_is_read_one_by_one(open_jetstream, monkeypatch):
    # Given a stream whose direct gets somebody has turned off
    backend = await open_jetstream()
    api, names = backend.timers._api, backend.timers._names
    config = (await api.call(f"STREAM.INFO.{names.first.events}"))["config"]
    await api.call(f"STREAM.UPDATE.{names.first.events}", {**config, "allow_direct": False})
    for i in range(5):
        await backend.events.publish("run-1", STARTED, b"%d" % i, f"{i}")

    assert await bodies(backend.events, "run-1") == [b"%d" % i for i in range(5)]


async def test_once_holds_beyond_the_duplicate_window(open_jetstream, options, namespace):
    backend = await open_jetstream()
    api, names = backend.timers._api, backend.timers._names
    config = (await api.call(f"STREAM.INFO.{names.first.events}"))["config"]
    await api.call(f"STREAM.UPDATE.{names.first.events}", {**config, "duplicate_window": 10**8})

    for _ in range(3):
        await backend.events.publish("run-1", "workflow.completed", b"{}", "same", once=True)
        await quiet_for(0.2)  # by the server's clock

    assert await bodies(backend.events, "run-1") == [b"{}"]


async def test_of_many_tellers_at_once_one_is_heard(open_jetstream):
    fleet = [await open_jetstream() for _ in range(3)]
    heard: list[Any] = []
    await fleet[0].notifier.subscribe(
        f"{fleet[0].namespace}.workflow.completed", lambda _, data: heard.append(data)
    )

    await asyncio.gather(
        *(
            one.events.publish("run-1", "workflow.completed", b"%d" % i, f"{i}", once=True)
            for i, one in enumerate(fleet * 5)
        )
    )

    assert len(await bodies(fleet[1].events, "run-1")) == 1
    await eventually(lambda: heard)
    assert len(heard) == 1


class Crossing:
    """Lets something happen between a look at the history and the publication upon it."""

    def __init__(self, publisher, happen):
        self._publisher = publisher
        self._happen = happen
        self.publish = self._first

    async def _first(self, *message):
        self.publish = self._publisher.publish
        await self._happen()
        return await self._publisher.publish(*message)


async def test_an_end_that_comes_between_the_look_and_the_request_is_the_last(open_jetstream):
    backend, other = await open_jetstream(), await open_jetstream()
    await backend.events.publish("run-1", STARTED, b"1", "1")

    async def end():
        await other.events.publish("run-1", "workflow.failed", b"2", "2", once=True)

    backend.events._publisher = Crossing(backend.events._publisher, end)
    stored = await backend.events.publish_before_end("run-1", CANCEL, b"3", "3")

    assert not stored
    assert await bodies(backend.events, "run-1") == [b"1", b"2"]


async def test_events_of_steps_are_in_nobodys_way(open_jetstream):
    """A run that tells much can be cancelled all the same."""
    backend, other = await open_jetstream(), await open_jetstream()
    conflicts: list[Any] = []
    publisher = backend.events._publisher

    class Busy:
        async def publish(self, *message):
            n = len(conflicts)
            await other.events.publish("run-1", "workflow.step.completed", b"", f"step-{n}")
            try:
                return await publisher.publish(*message)
            except Conflict:
                conflicts.append(message)
                raise

    backend.events._publisher = Busy()

    assert await backend.events.publish_before_end("run-1", CANCEL, b"1", "1")
    assert not conflicts


async def test_a_history_that_never_stands_still_is_to_be_tried_again(open_jetstream):
    backend = await open_jetstream()
    tried = []

    class Refusing:
        async def publish(self, subject, *_):
            tried.append(subject)
            raise Conflict(subject)

    backend.events._publisher = Refusing()

    with pytest.raises(Unavailable, match="again and again"):
        await backend.events.publish_before_end("run-1", CANCEL, b"1", "1")
    assert len(tried) > 1


async def test_a_scheduler_gets_facts_of_its_partition_only(open_jetstream):
    backend = await open_jetstream()
    partition = partition_of("run-1", backend.events.partitions)
    got: list[Any] = []
    consumer = await backend.events.consume(partition, got.append)
    consumer.grant(100)

    for event_type in ("workflow.step.started", "workflow.step.failed", "workflow.completed"):
        await backend.events.publish("run-1", event_type, b"", f"1/{event_type}")
    other = next(f"r{i}" for i in range(99) if partition_of(f"r{i}", 16) != partition)
    await backend.events.publish(other, STARTED, b"", "2")
    await backend.events.publish("run-1", STARTED, b"", "3")

    await eventually(lambda: got)
    [delivery] = got
    assert delivery.subject == f"event.{partition}.run-1.coordinator.{STARTED}"


async def test_headers_reach_other_clients(open_jetstream, server):
    # Given a client of the server that subscribes to an event and to the run's history
    trace = {"traceparent": f"00-{32 * 'a'}-{16 * 'b'}-01", "tracestate": "vendor=x"}
    backend = await open_jetstream()
    client = await nats.connect(server.url)
    notified = await client.subscribe("order.paid")
    stored = await client.subscribe(f"{backend.namespace}.event.>")
    await client.flush()

    # When an event is published with headers
    await backend.events.publish("run-1", "emit.order.paid", b"{}", "a", once=True, headers=trace)
    await backend.notifier.publish("order.paid", b"{}", trace)

    # Then both messages have them
    for subscription in (notified, stored):
        message = await subscription.next_msg(WAIT_LIMIT)
        assert (message.headers or {}).items() >= trace.items()
    await client.close()
