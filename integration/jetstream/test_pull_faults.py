"""The standing pull when consumers vanish, networks break and servers die."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import pytest

from flowworker.clock import SystemClock
from flowworker.errors import Unavailable
from flowworker.jetstream import ConnectionOptions, TopologyOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.consuming import pull
from flowworker.jetstream.topology.streams import Topology
from flowworker.ports import Incident
from integration.jetstream.lane import Lane
from tests.support.waiting import eventually, quiet_for


async def test_a_deleted_consumer_is_recreated(lane):
    got: list[Any] = []
    await lane.consume(got.append, 5)
    await lane.api.call(f"CONSUMER.DELETE.{lane.spec.stream}.{lane.spec.name}")

    await lane.fill(3)

    await eventually(lambda: len(got) == 3)


async def test_a_consumer_that_became_another_is_left_alone(lane):
    got: list[Any] = []
    await lane.consume(got.append, 5)
    request = f"CONSUMER.{{}}.{lane.spec.stream}.{lane.spec.name}"
    await lane.api.call(request.format("DELETE"))
    config = {**lane.spec.config, "max_deliver": 3}
    body = {"stream_name": lane.spec.stream, "config": config}
    await lane.api.call(request.format("CREATE"), body)

    await eventually(lambda: lane.consumers[0]._requests.paused)
    await quiet_for(0.5)
    assert (await lane.state())["config"]["max_deliver"] == 3


async def test_a_network_that_breaks_costs_no_credit(proxy, proxied, names):
    # Given a consumer behind a bad network, with messages in flight
    lane = Lane(proxied, names)
    got: list[Any] = []
    consumer = await lane.consume(got.append, 10)
    await lane.fill(4)
    await eventually(lambda: len(got) == 4)

    # When the network breaks twice
    for _ in range(2):
        proxy.cut()
        await eventually(lambda: not proxied.connected)
        await eventually(lambda: proxied.connected)
    await lane.fill(20, start=4)

    # Then exactly the rest of its credit is used
    await eventually(lambda: len(got) == 10)
    await quiet_for(0.3)
    assert len(got) == 10
    await consumer.stop()


async def test_silence_is_noticed(proxy, topology, names, monkeypatch):
    # Given a network that loses a request
    monkeypatch.setattr(pull, "TICK", 0.05)
    proxied = await connect(ConnectionOptions(url=proxy.url))
    reported: list[Incident] = []
    proxied.on_incident.append(reported.append)
    lane = Lane(proxied, names)
    got: list[Any] = []
    consumer = await lane.consume(got.append)
    proxy.dumb = True
    consumer.grant(3)
    await eventually(lambda: proxy.lost)
    proxy.dumb = False

    # When messages wait, then it is asked for again
    await lane.fill(3)
    await eventually(lambda: len(got) == 3)
    assert Incident.PULL_RENEWED in reported
    await consumer.stop()
    await proxied.close()


async def test_a_blocked_loop_is_not_taken_for_silence(lane):
    got: list[Any] = []
    consumer = await lane.consume(got.append, 3)
    await eventually(lambda: consumer._requests._slots)
    slots = list(consumer._requests._slots)

    time.sleep(6)  # beyond the end of the request
    await quiet_for(0.6)

    assert consumer._requests._slots[0] is slots[0]


async def test_it_is_alive_as_long_as_it_hears_something(lane):
    clock = SystemClock()
    consumer = await lane.consume(lambda _: None, 1)
    start = clock.monotonic()

    await eventually(lambda: consumer.last_activity > start + 1.0)


async def test_that_nobody_is_there_is_no_word_from_a_consumer(lane, monkeypatch):
    # Given a consumer that is gone, and cannot be made again
    monkeypatch.setattr(pull, "TICK", 0.05)
    consumer = await lane.consume(lambda _: None, 1)

    async def refused(_):
        raise Unavailable("no leader")

    consumer._ensure = refused
    await lane.api.call(f"CONSUMER.DELETE.{lane.spec.stream}.{lane.spec.name}")
    await eventually(lambda: consumer._requests.paused)
    await quiet_for(0.5)  # what the server said of its end may be on its way

    # When it is asked again and again, then it seems alive no more
    before = consumer.last_activity
    await quiet_for(1.0)
    assert consumer.last_activity == before


@pytest.mark.chaos
async def test_it_survives_a_server_that_is_killed(own_server, names):
    # Given a consumer, and a server
    connection = await connect(ConnectionOptions(url=own_server.url))
    api = Api(connection)
    await Topology(api, names, TopologyOptions()).ensure()
    lane = Lane(connection, names)
    got: list[Any] = []
    consumer = await lane.consume(got.append, 10)
    await lane.fill(3)
    await eventually(lambda: len(got) == 3)
    for delivery in got:
        await delivery.ack()
    await connection.flush()

    # When it is killed, started again, and messages wait
    own_server.kill()
    await eventually(lambda: not connection.connected)
    own_server.start()
    other = await connect(ConnectionOptions(url=own_server.url, wait=5))
    filling = Lane(other, names)
    await filling.fill(20, start=3)

    # Then they come, as many as were granted
    await eventually(lambda: len(got) == 10)
    await quiet_for(0.5)
    assert len(got) == 10
    consumer.grant(100)  # some come twice: they were not acknowledged
    await eventually(lambda: len({one.data for one in got}) == 23)
    await consumer.stop()
    await other.close()
    await connection.close()


async def test_a_stop_gives_back_what_it_asked_for_whatever_became_of_its_tasks(lane):
    async def broken():
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("a defect")

    got: list[Any] = []
    consumer = await lane.consume(got.append, 5)
    consumer._tasks.spawn(broken())
    await asyncio.sleep(0)

    await consumer.stop()

    assert consumer._requests._slots == []


async def test_a_stop_that_is_cancelled_ends_as_cancelled(lane):
    go_on = asyncio.Event()

    async def reluctant():
        while not go_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await go_on.wait()

    consumer = await lane.consume(lambda _: None, 5)
    consumer._tasks.spawn(reluctant())
    await asyncio.sleep(0)
    stopping = asyncio.create_task(consumer.stop())
    await eventually(lambda: consumer.stopped)

    stopping.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait([stopping])

    assert stopping.cancelled()
