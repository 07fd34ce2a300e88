"""The `EventLog` port."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.codec.facts import FACT_TYPES
from flowworker.core.event_types import ENDS, EventType
from flowworker.core.ids import partition_of
from integration.contract.support import COMPLETED, SLACK, Worker, follow, publish
from tests.support.waiting import eventually

STARTED = EventType.STEP_STARTED


def runs_of(partition, partitions, count):
    names = (f"run-{i}" for i in range(10_000))
    found = [name for name in names if partition_of(name, partitions) == partition]
    return found[:count]


async def test_a_history_has_all_events_in_their_order(backend, peer):
    expected = []
    for i, event_type in enumerate([*EventType, "order.paid", *EventType]):
        await backend.events.publish("run-1", event_type, b"%d" % i, f"id-{i}")
        expected.append(b"%d" % i)

    assert await peer.events.history("run-1") == expected


async def test_a_long_history_is_complete(backend):
    bodies = [f"{i:04} {'x' * 1_000}" for i in range(600)]
    gate = asyncio.Semaphore(100)

    async def one(body):
        async with gate:
            await publish(backend, "run-1", body)

    await asyncio.gather(*(one(body) for body in bodies))

    history = await backend.events.history("run-1")
    assert sorted(body.decode() for body in history) == bodies


async def test_what_never_ran_has_no_history(backend):
    assert await backend.events.history("run-1") == []


async def test_histories_of_similar_runs_are_apart(backend):
    for run in ("run-1", "run-12", "run"):
        await publish(backend, run, run, event_type=STARTED)

    assert await backend.events.history("run-1") == [b"run-1"]


async def test_equal_ids_are_stored_once(backend, peer):
    for body, member in ((b"1", backend), (b"2", backend), (b"3", peer)):
        await member.events.publish("run-1", COMPLETED, body, "id")
    await publish(backend, "run-1", "last")

    assert await backend.events.history("run-1") == [b"1", b"last"]
    inbox = await follow(backend, "run-1", 10)
    await inbox.take(2)
    assert inbox.bodies == [b"1", b"last"]


async def test_what_is_to_happen_once_is_stored_once_per_run(backend, peer):
    events = backend.events
    await events.publish("run-1", EventType.STARTED, b"a", "1", once=True)
    await events.publish("run-1", EventType.STARTED, b"b", "2", once=True)
    await peer.events.publish("run-1", EventType.STARTED, b"c", "3", once=True)
    await events.publish("run-1", EventType.COMPLETED, b"d", "4", once=True)
    await events.publish("run-2", EventType.STARTED, b"e", "5", once=True)
    await events.publish("run-1", EventType.STARTED, b"f", "6")

    assert await events.history("run-1") == [b"a", b"d", b"f"]
    assert await events.history("run-2") == [b"e"]


async def test_of_many_who_tell_what_happens_once_one_is_stored(backend, peer):
    members = [backend.events, peer.events]

    await asyncio.gather(
        *(
            members[i % 2].publish("run-1", EventType.STARTED, b"%d" % i, f"{i}", once=True)
            for i in range(20)
        )
    )

    assert len(await backend.events.history("run-1")) == 1


@pytest.mark.parametrize("end", sorted(ENDS))
async def test_what_comes_from_outside_is_stored_until_the_end_and_not_behind_it(
    backend, peer, end
):
    # Given requests to a run that has not begun to tell of itself, and to one that is under way
    request, events = EventType.CANCEL_REQUESTED, backend.events
    assert await events.publish_before_end("run-1", request, b"1", "1")
    await publish(backend, "run-1", "2", event_type=COMPLETED)
    assert await peer.events.publish_before_end("run-1", request, b"3", "3")

    # When it ends, and an attempt is told of whose worker was slow
    await events.publish("run-1", end, b"4", "4", once=True)
    await publish(backend, "run-1", "5", event_type=STARTED)

    # Then none is stored any more, nor told, whoever sends it; and other runs go on
    for member in (backend, peer):
        assert not await member.events.publish_before_end("run-1", request, b"6", "6")
        assert await member.events.publish_before_end("run-12", request, b"7", "7")
    assert await events.history("run-1") == [b"1", b"2", b"3", b"4", b"5"]
    assert await events.history("run-12") == [b"7"]


async def test_what_comes_from_outside_is_stored_once(backend, peer):
    timeout, cancel = EventType.TIMED_OUT, EventType.CANCEL_REQUESTED
    for i, member in enumerate((backend, peer)):
        assert await member.events.publish_before_end("run-1", cancel, b"1", "same")
        assert await member.events.publish_before_end(
            "run-1", timeout, b"2", f"other-{i}", once=True
        )

    assert await backend.events.history("run-1") == [b"1", b"2"]


async def test_of_those_who_meet_the_end_none_is_behind_it(backend, peer):
    # Given requests of two members, and the end, all at once, among many events of steps
    members = [backend.events, peer.events]

    async def request(run, n):
        return await members[n % 2].publish_before_end(
            run, EventType.HUMAN_DECIDED, b"request", f"{run}/{n}"
        )

    async def one(run):
        await publish(backend, run, "begun", event_type=EventType.STARTED)
        stored = await asyncio.gather(
            *(request(run, n) for n in range(4)),
            publish(backend, run, *map(str, range(5))),
            peer.events.publish(run, EventType.COMPLETED, b"end", f"{run}/end", once=True),
        )
        history = await backend.events.history(run)
        assert history.count(b"request") == stored.count(True)
        assert b"request" not in history[history.index(b"end") :]

    # When they race, in many runs, then what is behind the end is of steps
    await asyncio.gather(*(one(f"run-{n}") for n in range(10)))


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
    assert inbox.subjects == [f"event.{partition}.run-1.{event_type}" for event_type in expected]
    sequences = [delivery.sequence for delivery in inbox.got]
    assert sequences == sorted(set(sequences))


async def test_a_consumer_gets_its_partition(backend):
    # Given a run in each partition
    count = backend.events.partitions
    runs = [runs_of(partition, count, 1)[0] for partition in range(count)]
    inboxes = [await follow(backend, run, 10) for run in runs]

    # When each has news, then each consumer gets that of its own
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


async def test_everything_stored_is_told(backend, peer, namespace):
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

    # Then types that are public are told under their type, and all under their subject
    full = f"{namespace}.event.{partition}.run-1"
    assert sorted(heard) == sorted(
        [
            (f"{namespace}.{STARTED}", b"x"),
            (f"{full}.{STARTED}", b"x"),
            (f"{full}.order.paid", b"y"),
            (end, b""),
        ]
    )


@pytest.mark.parametrize("namespace", ["flowworker"])
async def test_in_the_default_namespace_types_are_told_as_they_are(backend, peer):
    heard = []
    await peer.notifier.subscribe("workflow.>", lambda *news: heard.append(news))

    await publish(backend, "run-1", "x", event_type=STARTED)
    await publish(backend, "run-1", "y", event_type=COMPLETED)

    await eventually(lambda: len(heard) == 2)
    assert heard == [(STARTED, b"x"), (COMPLETED, b"y")]


async def test_a_type_is_told_once_per_event(backend, namespace):
    heard = []
    await backend.notifier.subscribe(f"{namespace}.workflow.>", lambda _, data: heard.append(data))

    for body in (b"1", b"2"):
        await backend.events.publish("run-1", STARTED, body, "id")
    for i in range(2):
        await backend.events.publish("run-1", "workflow.started", b"s", f"once-{i}", once=True)
    await publish(backend, "run-1", "last")

    await eventually(lambda: b"last" in heard)
    assert heard == [b"1", b"s", b"last"]


async def test_a_dropped_run_has_no_history_and_others_have(backend, peer):
    await publish(backend, "run-1", "a", "b")
    await publish(backend, "run-12", "a")

    await peer.events.drop("run-1")
    await peer.events.drop("run-1")

    assert await backend.events.history("run-1") == []
    assert await backend.events.history("run-12") == [b"a"]


@pytest.mark.parametrize("event_type", [COMPLETED, STARTED])
async def test_a_run_can_happen_again_after_it_was_dropped(backend, event_type):
    await backend.events.publish("run-1", event_type, b"1", "id-1", once=True)
    await backend.events.drop("run-1")

    await backend.events.publish("run-1", event_type, b"2", "id-2", once=True)

    assert await backend.events.history("run-1") == [b"2"]
