"""The `StepQueue` port: what is stored, and where it goes."""

from __future__ import annotations

import asyncio
import time

import pytest

from flowworker.core.status import Priority
from integration.contract.support import RUN, SLACK, Worker, enqueue, open_lane, step
from tests.support.waiting import eventually


async def test_a_message_arrives_as_it_was_enqueued(backend, peer):
    before = time.time()
    await backend.steps.enqueue(step("customer.persona", run="r-1"), b"\x00body", "id-1")

    [got] = await (await open_lane(peer, 1, run="r-1")).take(1)

    assert got.subject == "step.default.normal.r-1.customer.persona"
    assert got.data == b"\x00body"
    assert got.delivered == 1
    assert before - 5 < got.time < time.time() + 5


async def test_one_who_waits_is_handed_what_comes(backend, peer):
    inbox = await open_lane(peer, 10)

    await enqueue(backend, "a")
    await inbox.take(1)
    await enqueue(backend, "b", "c")

    assert [got.data for got in await inbox.take(3)] == [b"a", b"b", b"c"]


async def test_a_lane_keeps_the_order_of_publication(backend):
    names = [f"s{i}" for i in range(50)]
    await enqueue(backend, *names)

    got = await (await open_lane(backend, 100)).take(50)

    assert [delivery.data.decode() for delivery in got] == names
    sequences = [delivery.sequence for delivery in got]
    assert sequences == sorted(set(sequences))
    assert [delivery.order - got[0].order for delivery in got] == list(range(50))


async def test_equal_ids_are_stored_once(backend, peer):
    await backend.steps.enqueue(step("a"), b"first", "id")
    await backend.steps.enqueue(step("a"), b"second", "id")
    await peer.steps.enqueue(step("a"), b"third", "id")
    await enqueue(backend, "last")

    got = await (await open_lane(backend, 10)).take(2)

    assert [delivery.data for delivery in got] == [b"first", b"last"]


async def test_an_id_is_known_while_and_after_its_message_is_handled(backend):
    inbox = await open_lane(backend, 10)
    await backend.steps.enqueue(step("a"), b"first", "id")
    [got] = await inbox.take(1)

    await backend.steps.enqueue(step("a"), b"second", "id")
    await got.ack()
    await backend.steps.enqueue(step("a"), b"third", "id")
    await enqueue(backend, "last")

    await inbox.take(2)
    assert inbox.bodies == [b"first", b"last"]


async def test_a_step_is_queued_until_it_is_acknowledged(backend, peer):
    later = time.time() + 60
    inflight, delayed, slow = step("is.inflight"), step("is.delayed"), step("waits", queue="slow")
    await backend.steps.enqueue(inflight, b"1", "id-1")
    [got] = await (await open_lane(backend, 1)).take(1)
    await backend.steps.enqueue(slow, b"2", "id-2")
    await backend.steps.enqueue(delayed, b"3", "id-3", later)
    await backend.steps.enqueue(delayed, b"4", "id-4")
    await backend.steps.enqueue(step("waits", run="other"), b"5", "id-5")

    assert await peer.steps.queued(inflight) == [b"1"]
    assert await peer.steps.queued(slow) == [b"2"]
    assert sorted(await peer.steps.queued(delayed)) == [b"3", b"4"]
    assert await peer.steps.queued(step("unknown")) == []

    await got.ack()

    async def is_gone():
        return await peer.steps.queued(inflight) == []

    await eventually(is_gone)
    await backend.steps.drop(RUN)
    assert await peer.steps.queued(delayed) == []


async def test_the_backlog_is_all_steps_that_have_messages(backend, peer):
    await backend.steps.enqueue(step("is.inflight"), b"1", "id-1")
    [got] = await (await open_lane(backend, 1)).take(1)
    await backend.steps.enqueue(step("waits", queue="slow"), b"2", "id-2")
    await backend.steps.enqueue(step("is.delayed", run="other"), b"3", "id-3", time.time() + 60)
    await backend.timers.set("third", "timeout", time.time() + 60)

    found = await peer.steps.backlog()

    assert {run: sorted(steps) for run, steps in found.items()} == {
        RUN: ["is.inflight", "waits"],
        "other": ["is.delayed"],
    }
    await got.ack()

    async def is_gone():
        return (await peer.steps.backlog())[RUN] == ["waits"]

    await eventually(is_gone)


async def test_lanes_have_nothing_in_common(backend):
    # Given a consumer on each of several lanes
    lanes = {
        (queue, priority): await open_lane(backend, 10, queue=queue, priority=priority)
        for queue in ("default", "slow")
        for priority in Priority
    }

    # When each lane gets a message
    for i, (queue, priority) in enumerate(lanes):
        await enqueue(backend, f"s{i}", queue=queue, priority=priority)

    # Then each consumer gets that of its lane
    for i, inbox in enumerate(lanes.values()):
        [got] = await inbox.take(1)
        assert got.data == f"s{i}".encode()


async def test_work_is_shared_and_nothing_is_done_twice(backend, peer):
    workers = [
        await open_lane(member, 4, inbox=Worker()) for member in (backend, peer, backend, peer)
    ]
    names = [f"s{i}" for i in range(300)]

    await asyncio.gather(*(enqueue(backend, name) for name in names))

    await eventually(lambda: sum(worker.acknowledged for worker in workers) == 300)
    bodies = [body.decode() for worker in workers for body in worker.bodies]
    assert sorted(bodies) == sorted(names)


async def test_a_message_that_is_not_due_waits(backend, peer):
    inbox = await open_lane(peer, 10)
    due = time.time() + 0.7

    await backend.steps.enqueue(step("later"), b"later", "id-1", due)
    await enqueue(backend, "now")

    await inbox.take(1)
    assert inbox.bodies == [b"now"]
    [_, got] = await inbox.take(2)
    assert time.time() >= due - SLACK
    assert (got.data, got.delivered) == (b"later", 1)
    assert got.subject == "step.default.normal.run-1.later"
    await got.ack()


async def test_a_message_that_was_due_comes_at_once(backend):
    inbox = await open_lane(backend, 10)

    await backend.steps.enqueue(step("a"), b"a", "id-1", time.time() - 3600)

    assert [got.data for got in await inbox.take(1)] == [b"a"]


async def test_equal_ids_are_stored_once_also_if_they_are_not_due(backend):
    inbox = await open_lane(backend, 10)
    soon = time.time() + 0.3

    await backend.steps.enqueue(step("a"), b"first", "id", soon)
    await backend.steps.enqueue(step("a"), b"second", "id", soon)

    await inbox.take(1)
    await backend.steps.enqueue(step("last"), b"last", "id-last", time.time() + 0.3)
    await inbox.take(2)
    assert inbox.bodies == [b"first", b"last"]


async def test_what_is_due_is_delivered_without_the_process_that_enqueued_it(backend, peer):
    await backend.steps.enqueue(step("a"), b"a", "id", time.time() + 0.3)
    inbox = await open_lane(peer, 1)

    assert [got.data for got in await inbox.take(1)] == [b"a"]


@pytest.mark.parametrize("size", [0, 300_000])
async def test_bodies_of_any_size(backend, size):
    await backend.steps.enqueue(step("a"), b"x" * size, "id")

    [got] = await (await open_lane(backend, 1)).take(1)

    assert got.data == b"x" * size


async def test_where_a_message_is_can_be_seen(backend, peer):
    await enqueue(backend, "first", "second")
    await backend.steps.enqueue(step("later"), b"later", "id-later", time.time() + 3600)

    [first] = await peer.steps.places(step("first"))
    [second] = await peer.steps.places(step("second"))
    [later] = await peer.steps.places(step("later"))
    assert (first.data, first.ahead, first.handed_out, first.scheduled) == (
        b"first",
        0,
        False,
        False,
    )
    assert (second.data, second.ahead, second.handed_out) == (b"second", 1, False)
    assert (later.data, later.scheduled, later.handed_out) == (b"later", True, False)
    assert abs(first.stored - time.time()) < SLACK + 5
    assert await peer.steps.places(step("nosuch")) == []


async def test_a_message_that_was_handed_out_is_seen_to_be(backend, peer):
    await enqueue(backend, "first", "second")
    [got] = await (await open_lane(backend, 1)).take(1)

    [first] = await peer.steps.places(step("first"))
    [second] = await peer.steps.places(step("second"))
    assert (first.handed_out, first.ahead) == (True, None)
    assert (second.handed_out, second.ahead) == (False, 0)

    await got.ack()

    async def is_gone():
        return await peer.steps.places(step("first")) == []

    await eventually(is_gone)
