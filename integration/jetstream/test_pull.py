"""The standing pull: credit, sharing, failures."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from flowworker.core.status import Priority
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.consuming import pull_requests
from flowworker.jetstream.topology.specs import consumer_specs
from flowworker.settings import Settings
from integration.jetstream.lane import ACK_WAIT
from tests.support.waiting import eventually, quiet_for


async def test_no_more_comes_than_was_granted(lane):
    # Given more messages than credit
    await lane.fill(30)
    got: list[Any] = []
    consumer = await lane.consume(got.append, 7)

    await eventually(lambda: len(got) == 7)
    consumer.grant(2)
    consumer.grant(1)
    await eventually(lambda: len(got) == 10)

    # Then the server has not even sent more
    assert (await lane.state())["num_ack_pending"] == 10
    assert [delivery.data for delivery in got] == [b"%d" % i for i in range(10)]


async def test_credit_is_never_exceeded_under_load(lane):
    # Given workers that keep some messages for a while and grant one for each that they finish
    count, limit = 3000, 32
    held, most, done = 0, 0, 0

    def on_delivery(delivery):
        nonlocal held, most
        held += 1
        most = max(most, held)
        asyncio.get_running_loop().call_later(
            0.001 * (delivery.sequence % 5), lambda: asyncio.ensure_future(finish(delivery))
        )

    async def finish(delivery):
        nonlocal held, done
        await delivery.ack()
        held -= 1
        done += 1
        consumer.grant(1)

    consumer = await lane.consume(on_delivery, limit)
    await asyncio.gather(*(lane.fill(count // 30, start=i * 100) for i in range(30)))

    await eventually(lambda: done == count)
    assert most <= limit
    assert consumer._requests._pending + consumer._requests._wanted == limit


async def test_few_requests_serve_many_grants(lane):
    # Given a worker of 100 slots that grants one at a time
    got: list[Any] = []
    consumer = await lane.consume(got.append, 100)
    await lane.fill(90)
    await eventually(lambda: len(got) == 90)

    # When it grants them one by one, each in its own iteration of the loop
    for _ in range(90):
        consumer.grant(1)
        await asyncio.sleep(0)

    # Then that took a few requests, since some credit was still pending
    state = await lane.state()
    assert state["num_waiting"] <= 6
    assert consumer._requests._pending >= 50


async def test_two_consumers_share(lane, options):
    other_connection = await connect(options)
    mine: list[Any] = []
    theirs: list[Any] = []

    def worker(got, whose):
        def on_delivery(delivery):
            got.append(delivery.data)
            asyncio.ensure_future(delivery.ack()).add_done_callback(lambda _: whose[0].grant(1))

        return on_delivery

    me: list[Any] = []
    they: list[Any] = []
    me.append(await lane.consume(worker(mine, me), 5))
    they.append(await lane.consume(worker(theirs, they), 5, other_connection))
    await lane.fill(200)

    await eventually(lambda: len(mine) + len(theirs) == 200)
    assert len(set(mine) | set(theirs)) == 200
    assert min(len(mine), len(theirs)) > 20
    await they[0].stop()
    await other_connection.close()


async def test_what_was_granted_in_vain_is_asked_for_again(lane, monkeypatch):
    # Given requests that end after a moment
    monkeypatch.setattr(pull_requests, "EXPIRES", 300_000_000)
    monkeypatch.setattr(pull_requests, "HEARTBEAT", 100_000_000)
    got: list[Any] = []
    await lane.consume(got.append, 3)
    await quiet_for(1.0)  # some requests end

    # When messages come later, then credit is what it was
    await lane.fill(5)
    await eventually(lambda: len(got) == 3)
    await quiet_for(0.5)
    assert len(got) == 3


async def test_unacknowledged_comes_again_after_the_ack_wait(lane):
    await lane.fill(1)
    got: list[Any] = []
    await lane.consume(got.append, 2)
    await eventually(lambda: len(got) == 1)
    first = time.monotonic()

    await eventually(lambda: len(got) == 2)

    assert time.monotonic() - first >= ACK_WAIT * 0.9
    assert [delivery.delivered for delivery in got] == [1, 2]
    assert got[0].sequence == got[1].sequence
    assert got[1].order == got[0].order + 1


async def test_nak_waits_as_long_as_it_says(lane):
    await lane.fill(1)
    got: list[Any] = []
    await lane.consume(got.append, 2)
    await eventually(lambda: len(got) == 1)

    await got[0].nak(0.4)
    start = time.monotonic()

    await eventually(lambda: len(got) == 2)
    assert time.monotonic() - start >= 0.35


async def test_what_arrives_after_stop_goes_to_somebody_else_at_once(lane):
    # Given a consumer that stops while messages are on their way to it
    lane.spec = consumer_specs.lane(
        lane.names.first, Settings(lease=60), "slow-to-redeliver", Priority.NORMAL
    )
    mine: list[Any] = []
    theirs: list[Any] = []
    consumer = await lane.consume(mine.append, 50)
    for i in range(50):
        lane.connection.client.send(
            f"{lane.names.namespace}.step.slow-to-redeliver.normal.r{i}.a", "", b"", b"%d" % i
        )
    await consumer.stop()
    had = len(mine)

    # When there is another, then it gets the rest without waiting for the ack wait
    await lane.consume(theirs.append, 50)
    await eventually(lambda: len(mine) + len(theirs) == 50)
    assert len(mine) == had
    assert {one.data for one in mine}.isdisjoint(one.data for one in theirs)
