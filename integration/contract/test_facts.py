"""The `EventLog` port: the facts that consumers get, and the events that listeners hear."""

from __future__ import annotations

import pytest

from flowworker.codec.facts import FACT_TYPES
from flowworker.core.event_types import EventType
from flowworker.core.ids import partition_of
from integration.contract.support import COMPLETED, SLACK, Worker, follow, publish
from tests.support.waiting import eventually

STARTED = EventType.STEP_STARTED


def runs_of(partition, partitions, count):
    names = (f"run-{i}" for i in range(10_000))
    found = [name for name in names if partition_of(name, partitions) == partition]
    return found[:count]


async def test_facts_are_delivered_and_nothing_else(backend, peer):
    # Given events of every type, published before anybody consumes them
    for event_type in EventType:
        await publish(backend, "run-1", event_type, event_type=event_type)
    await publish(backend, "run-1", "order.paid", event_type="order.paid")

    # When they are consumed
    inbox = await follow(peer, "run-1", 100)
    expected = [event_type for event_type in EventType if event_type in FACT_TYPES]
    await inbox.take(len(expected))

    # Then it is the facts, in their order
    partition = partition_of("run-1", backend.events.partitions)
    assert inbox.bodies == [event_type.encode() for event_type in expected]
    assert inbox.subjects == [
        f"event.{partition}.run-1.coordinator.{event_type}" for event_type in expected
    ]
    sequences = [delivery.sequence for delivery in inbox.got]
    assert sequences == sorted(set(sequences))


async def test_a_consumer_gets_its_partition(backend):
    # Given a run in each partition
    count = backend.events.partitions
    runs = [runs_of(partition, count, 1)[0] for partition in range(count)]
    inboxes = [await follow(backend, run, 10) for run in runs]

    # When each has events, then each consumer gets that of its own
    for run in runs:
        await publish(backend, run, run)

    for run, inbox in zip(runs, inboxes, strict=True):
        await inbox.take(1)
        assert inbox.bodies == [run.encode()]


async def test_a_partition_keeps_the_order_of_publication(backend, peer):
    runs = runs_of(1, backend.events.partitions, 3)
    inbox = await follow(peer, runs[0], 100)

    expected = []
    for i in range(30):
        await publish(backend, runs[i % 3], f"{i}")
        expected.append(b"%d" % i)

    await inbox.take(30)
    assert inbox.bodies == expected


async def test_two_who_share_a_partition_get_each_fact_once_and_see_it(backend, peer):
    # Given two consumers of one partition, as when two coordinators believe they own it
    inboxes = [await follow(member, "run-1", 3, Worker()) for member in (backend, peer)]

    # When it has many facts
    bodies = [f"{i}" for i in range(100)]
    await publish(backend, "run-1", *bodies)
    await eventually(lambda: sum(inbox.acknowledged for inbox in inboxes) == 100)

    # Then each was delivered to one of them, and gaps in the order show the others'
    got = [body.decode() for inbox in inboxes for body in inbox.bodies]
    assert sorted(got) == sorted(bodies)
    orders = sorted(delivery.order for inbox in inboxes for delivery in inbox.got)
    assert orders == list(range(orders[0], orders[0] + 100))


async def test_facts_can_wait_and_be_given_back(backend):
    inbox = await follow(backend, "run-1", 10)
    await publish(backend, "run-1", "1")
    [first] = await inbox.take(1)

    await first.nak(0.4)

    await inbox.take(2)
    assert inbox.times[1] - inbox.times[0] >= 0.4 - SLACK
    assert inbox.got[1].sequence == first.sequence


async def test_everything_stored_is_published(backend, peer, namespace):
    # Given somebody who listens to types, and somebody who listens to a run
    heard = []
    partition = partition_of("run-1", backend.events.partitions)
    end = f"{namespace}.end"

    def listen(subject, data):
        heard.append((subject, data))

    await peer.notifier.subscribe(f"{namespace}.workflow.>", listen)
    await peer.notifier.subscribe(f"{namespace}.event.*.run-1.>", listen)
    await peer.notifier.subscribe(end, listen)

    # When events are published
    await publish(backend, "run-1", "x", event_type=STARTED)
    await publish(backend, "run-1", "y", event_type="order.paid")
    await backend.notifier.publish(end, b"")
    await eventually(lambda: len(heard) == 4)

    # Then types that are public are published under their type, and all under their subject
    full = f"{namespace}.event.{partition}.run-1.coordinator"
    assert sorted(heard) == sorted(
        [
            (f"{namespace}.{STARTED}", b"x"),
            (f"{full}.{STARTED}", b"x"),
            (f"{full}.order.paid", b"y"),
            (end, b""),
        ]
    )


@pytest.mark.parametrize("namespace", ["flowworker"])
async def test_in_the_default_namespace_types_are_published_as_they_are(backend, peer):
    heard = []
    await peer.notifier.subscribe("workflow.>", lambda *events: heard.append(events))

    await publish(backend, "run-1", "x", event_type=STARTED)
    await publish(backend, "run-1", "y", event_type=COMPLETED)

    await eventually(lambda: len(heard) == 2)
    assert heard == [(STARTED, b"x"), (COMPLETED, b"y")]


async def test_a_type_is_published_once_per_event(backend, namespace):
    heard = []
    await backend.notifier.subscribe(f"{namespace}.workflow.>", lambda _, data: heard.append(data))

    for body in (b"1", b"2"):
        await backend.events.publish("run-1", STARTED, body, "id")
    for i in range(2):
        await backend.events.publish("run-1", "workflow.started", b"s", f"once-{i}", once=True)
    await publish(backend, "run-1", "last")

    await eventually(lambda: b"last" in heard)
    assert heard == [b"1", b"s", b"last"]
