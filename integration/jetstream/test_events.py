"""The events stream: republishing, histories of any length, once."""

from __future__ import annotations

import asyncio
from typing import Any

from flowworker.core.ids import partition_of
from flowworker.jetstream import TopologyOptions, history, open_backend
from tests.waiting import eventually

STARTED = "workflow.started"


async def test_the_default_namespace_tells_under_bare_types(options):
    # Given the default namespace
    backend = await open_backend(options, topology=TopologyOptions(storage="memory"))
    heard: list[Any] = []
    stop = await backend.notifier.subscribe("workflow.>", lambda *news: heard.append(news))

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

    assert await backend.events.history("run-1") == [b"%d" % i for i in range(300)]


async def test_history_without_batches_is_read_one_by_one(open_jetstream, monkeypatch):
    # Given a stream whose direct gets somebody has turned off
    backend = await open_jetstream()
    api, names = backend.timers._api, backend.timers._names
    config = (await api.call(f"STREAM.INFO.{names.events}"))["config"]
    await api.call(f"STREAM.UPDATE.{names.events}", {**config, "allow_direct": False})
    for i in range(5):
        await backend.events.publish("run-1", STARTED, b"%d" % i, f"{i}")

    assert await backend.events.history("run-1") == [b"%d" % i for i in range(5)]


async def test_once_holds_beyond_the_duplicate_window(open_jetstream, options, namespace):
    backend = await open_jetstream()
    api, names = backend.timers._api, backend.timers._names
    config = (await api.call(f"STREAM.INFO.{names.events}"))["config"]
    await api.call(f"STREAM.UPDATE.{names.events}", {**config, "duplicate_window": 10**8})

    for _ in range(3):
        await backend.events.publish("run-1", "workflow.completed", b"{}", "same", once=True)
        await asyncio.sleep(0.2)

    assert await backend.events.history("run-1") == [b"{}"]


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

    assert len(await fleet[1].events.history("run-1")) == 1
    await eventually(lambda: heard)
    assert len(heard) == 1


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
    assert [delivery.subject for delivery in got] == [f"event.{partition}.run-1.{STARTED}"]
