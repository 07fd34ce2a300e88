"""Waiting for a result over an outside that fails: faults are put into the ports."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from flowworker.client import Client, lookup, waiting
from flowworker.codec.messages import Result, ResultStatus
from flowworker.codec.subjects import CommandLane
from flowworker.core.status import RunStatus
from flowworker.errors import Unavailable
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from tests.support.faults import Flaky
from tests.support.waiting import WAIT_LIMIT

START = ("order.fulfil", {"order": 7})


AWAY = Unavailable("away")


class Deaf:
    """A notifier from which no event ever comes."""

    async def publish(self, subject, data) -> None:
        pass

    async def subscribe(self, subject, on_message):
        return lambda: None


@pytest.mark.usefixtures("coordinator")
async def test_a_result_survives_a_short_outage_and_lost_events(client, backend):
    run = await client.start(*START)
    await client.cancel(run)
    other = Client(
        stores_of(replace(backend, runs=Flaky(backend.runs, read=[AWAY] * 3), notifier=Deaf()))
    )

    assert (await other.result(run, 20)).status is RunStatus.CANCELLED


@pytest.mark.usefixtures("coordinator")
async def test_an_outage_that_lasts_is_reported(client, backend, monkeypatch):
    monkeypatch.setattr(waiting, "UNAVAILABLE_LIMIT", 0.05)
    run = await client.start(*START)
    other = Client(stores_of(replace(backend, runs=Flaky(backend.runs, read=[AWAY] * 10**5))))

    with pytest.raises(Unavailable, match="away"):
        await other.result(run, 20)


async def test_a_reply_ends_the_wait_without_a_look_at_the_records(client, backend):
    deliveries: asyncio.Queue = asyncio.Queue()
    consumer = await backend.commands.consume(CommandLane.STARTS, deliveries.put_nowait)
    consumer.grant(1)
    waiting = asyncio.create_task(client.run(*START, timeout=WAIT_LIMIT))
    headers = (await deliveries.get()).headers

    for noise in (b"\xff", b"{}"):
        await backend.notifier.publish(headers["Flow-Reply"], noise)
    reply = Result(headers["Nats-Msg-Id"], "order.fulfil", ResultStatus.FAILED, error="broken")
    await backend.notifier.publish(headers["Flow-Reply"], msgspec.json.encode(reply))

    assert (await waiting).error == "broken"
    await consumer.stop()


async def test_a_fleet_that_allows_no_replies_is_asked_for_none(backend):
    deliveries: asyncio.Queue = asyncio.Queue()
    consumer = await backend.commands.consume(CommandLane.STARTS, deliveries.put_nowait)
    consumer.grant(1)

    await Client(stores_of(backend, Settings(reply_prefixes=()))).start(*START)

    assert "Flow-Reply" not in (await deliveries.get()).headers
    await consumer.stop()


async def test_a_client_remembers_only_so_many_starts(client, monkeypatch):
    monkeypatch.setattr(lookup, "REMEMBERED", 2)

    for number in range(5):
        await client.start(*START, run_id=f"r-{number}")

    assert [client._lookup.is_expected(f"r-{n}") for n in range(5)] == [False] * 3 + [True] * 2
