"""The `Backend` as a whole: namespaces, the heartbeat link, closing."""

from __future__ import annotations

import asyncio
import time

import pytest

from flowworker.codec.subjects import CommandLane
from flowworker.core.status import Priority
from flowworker.errors import Conflict
from integration.contract.support import Inbox, enqueue, in_thread, open_lane
from tests.support.histories import bodies
from tests.support.waiting import eventually

KEY = "run.run-1"


async def test_it_says_what_it_is(backend, namespace):
    assert backend.namespace == namespace
    assert backend.ready()
    assert backend.max_message >= 512 * 1024
    assert backend.events.partitions >= 1


async def test_a_heartbeat_link_writes_from_another_thread(backend):
    await open_lane(backend)
    revision = await backend.runs.write(KEY, b"1", 0)

    async def beat():
        link = await backend.open_heartbeat()
        try:
            with pytest.raises(Conflict):
                await link.write(KEY, b"no", revision + 1)
            return await link.write(KEY, b"2", revision)
        finally:
            await link.close()

    assert await backend.runs.read(KEY) == (b"1", revision)
    written = await in_thread(beat)

    assert written > revision
    assert await backend.runs.read(KEY) == (b"2", written)


async def test_a_heartbeat_link_writes_from_the_same_loop(backend):
    await open_lane(backend)
    link = await backend.open_heartbeat()

    revision = await link.write(KEY, b"1", 0)
    await link.close()

    assert await backend.runs.read(KEY) == (b"1", revision)


async def test_closing_leaves_nothing_behind(opener, namespace):
    # Given a backend on which everything is going on
    before = asyncio.all_tasks()
    backend = await opener(namespace)
    inbox = Inbox()
    for consumer in (
        await backend.steps.consume("default", Priority.NORMAL, inbox),
        await backend.events.consume(0, inbox),
        await backend.commands.consume(CommandLane.STARTS, inbox),
        await backend.commands.consume(CommandLane.CONTROLS, inbox),
        await backend.timers.consume(inbox),
    ):
        consumer.grant(3)
    await backend.notifier.subscribe(f"{backend.namespace}.notices", lambda *_: None)
    await backend.leases.acquire("partition.1", "a", 30)
    await backend.timers.set("run-1", "timeout", time.time() + 3600)
    await enqueue(backend, "a", "b")
    await eventually(lambda: len(inbox.got) == 2)
    await inbox.got[0].nak(60)

    # When it is closed
    await backend.close()

    # Then no task is left, and it is not ready
    assert asyncio.all_tasks() == before
    assert not backend.ready()


async def test_closing_twice_is_fine(opener, namespace):
    backend = await opener(namespace)

    await backend.close()
    await backend.close()

    # Nor does it take another member of the fleet with it
    other = await opener(namespace)
    revision = await other.runs.put(KEY, b"1")
    assert await other.runs.read(KEY) == (b"1", revision)


@pytest.mark.parametrize("adapter_name", ["jetstream"])  # nothing in memory outlives its backend
async def test_what_was_published_before_closing_is_not_lost(backend, opener, namespace):
    other = await opener(namespace)
    await enqueue(other, "a")
    await other.events.publish("run-1", "workflow.started", b"e", "id")
    await other.runs.put(KEY, b"1")
    await other.close()

    await (await open_lane(backend, 1)).take(1)
    assert await bodies(backend.events, "run-1") == [b"e"]
    assert await backend.runs.read(KEY) is not None


async def test_namespaces_have_nothing_in_common(backend, opener, namespace):
    # Given two namespaces
    other = await opener(f"{namespace}-other")

    # When one of them is used
    await enqueue(backend, "a")
    await backend.runs.put(KEY, b"1")
    await backend.leases.acquire("partition.1", "a", 30)
    await backend.events.publish("run-1", "workflow.started", b"e", "id")
    await backend.commands.send("start.w", b"", {})

    # Then the other one sees nothing of it
    inbox = await open_lane(other, 5)
    await enqueue(other, "own")
    await inbox.take(1)
    assert inbox.bodies == [b"own"]
    assert await other.runs.keys(">") == []
    assert await other.leases.holders(">") == {}
    assert await other.leases.acquire("partition.1", "b", 30) is not None
    assert await bodies(other.events, "run-1") == []
