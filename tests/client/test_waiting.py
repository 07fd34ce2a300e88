"""Waiting for a result over an outside that fails: faults are put into the ports."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from flowworker.client import Client, lookup, waiting
from flowworker.clock import SystemClock
from flowworker.codec.messages import Result, ResultStatus
from flowworker.codec.subjects import CommandLane
from flowworker.coordinator.commands.rejection import Rejected, Rejections
from flowworker.core.admission import Admission
from flowworker.core.limit import Use
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus
from flowworker.errors import RunRefused, Unavailable
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.faults import Flaky
from tests.support.waiting import WAIT_LIMIT, eventually

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


async def test_a_run_that_its_limits_refuse_is_waited_for_until_that_is_said(client, backend):
    # Given a start that is being refused: its run has a record, and that is removed
    stores = stores_of(backend)
    deliveries: asyncio.Queue = asyncio.Queue()
    consumer = await backend.commands.consume(CommandLane.STARTS, deliveries.put_nowait)
    consumer.grant(1)
    run = await client.start(*START)
    delivery = await deliveries.get()
    asking = Admission((Use("run.some", 1),), ticket="1-a")
    record = RunRecord(
        run, "order.fulfil", "h", RunStatus.PENDING, EMPTY, time.time(), admission=asking
    )
    revision = await stores.runs.save(record, 0)
    looks: list[bool] = []
    look = client._lookup.record

    async def seen(run: str) -> RunRecord | None:
        found = await look(run)
        looks.append(found is not None)
        return found

    client._lookup.record = seen
    waiting = asyncio.create_task(client.result(run, WAIT_LIMIT))
    await eventually(lambda: True in looks)
    await stores.runs.remove(run, revision)
    await eventually(lambda: False in looks)

    # When it is said after that
    rejections = Rejections(stores, SystemClock(), Metrics(CollectorRegistry()))
    await rejections.publish(Rejected("no place", RunRefused.__name__), delivery)

    with pytest.raises(RunRefused, match="no place"):
        await waiting
    await consumer.stop()
