"""Timers that go off: each is about one run, though its id may have been used before."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from flowworker import App, wiring
from flowworker.clock import SystemClock
from flowworker.codec.keys import RETENTION, TIMEOUT
from flowworker.core.event_types import EventType
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus
from flowworker.definitions.content import plan_of
from flowworker.ports import Timers
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.coordinator.support import coordinated, parts_of
from tests.support.histories import bodies
from tests.support.waiting import WAIT_LIMIT, eventually

RUN = "r1"

app = App()


@app.step("done")
async def done(ctx):
    return 1


@pytest.fixture
async def fleet(backend, client):
    await client.register(Workflow("quick", (Step("a", "done"),)))
    await client.register(Workflow("slow", (Step("a", "nobody.has.this"),), timeout=600.0))
    worker = wiring.make_worker(stores_of(backend), app, Metrics(CollectorRegistry()))
    await worker.start()
    coordinator = await coordinated(backend)
    yield client
    await worker.drain()
    await coordinator.stop()


async def timers(backend, name):
    return await backend.timers.runs(name)


async def test_the_end_of_an_earlier_retention_removes_no_later_run(backend, fleet):
    await fleet.run("quick", run_id=RUN, timeout=WAIT_LIMIT)
    await backend.timers.set(RUN, RETENTION, time.time() - 60.0)

    async def is_set_again():
        return RUN in await timers(backend, RETENTION)

    await eventually(is_set_again)
    assert (await fleet.status(RUN)).status is RunStatus.COMPLETED


async def test_an_earlier_timeout_ends_no_later_run(backend, fleet):
    await fleet.start("slow", run_id=RUN)
    await eventually(partial(timers, backend, TIMEOUT))
    await backend.timers.set(RUN, TIMEOUT, time.time() - 60.0)

    await eventually(partial(timers, backend, TIMEOUT))
    assert (await fleet.status(RUN)).status is RunStatus.RUNNING


async def test_a_start_of_a_run_that_is_over_is_answered(backend, fleet):
    await fleet.run("quick", run_id=RUN, timeout=WAIT_LIMIT)
    replies = []
    await backend.notifier.subscribe("_INBOX.late", lambda _, data: replies.append(data))

    backend.commands._window._seen.clear()  # as after ten seconds
    headers = {"Nats-Msg-Id": RUN, "Flow-Reply": "_INBOX.late"}
    await backend.commands.send("start.quick", b"{}", headers)

    async def is_answered():
        return replies

    await eventually(is_answered)
    assert b'"status":"COMPLETED"' in replies[0]
    assert b'"partial":true' in replies[0]


async def test_a_timeout_that_crosses_the_end_is_not_behind_it(backend, client):
    workflow = Workflow("slow", (Step("a", "nobody.has.this"),), timeout=600.0)
    await client.register(workflow)
    begun = time.time() - 700.0
    record = RunRecord(RUN, "slow", plan_of(workflow).hash, RunStatus.RUNNING, EMPTY, begun)
    await RunStore(backend.runs).save(record, 0)
    await backend.events.publish(RUN, EventType.COMPLETED, b"the end", "end", once=True)
    alarms = parts_of(stores_of(backend), SystemClock()).alarms
    await alarms.start()

    await backend.timers.set(RUN, TIMEOUT, begun + 600.0)

    async def is_taken():
        return RUN not in await timers(backend, TIMEOUT)

    await eventually(is_taken)
    await alarms.stop()
    assert await bodies(backend.events, RUN) == [b"the end"]


@pytest.mark.parametrize("name", ["unknown", "timeout.more"])
async def test_a_timer_that_nobody_knows_touches_no_run(backend, fleet, name):
    await fleet.run("quick", run_id=RUN, timeout=WAIT_LIMIT)

    await backend.timers.set(RUN, name, time.time() - 60.0)

    async def is_taken():
        return RUN not in await timers(backend, name)

    await eventually(is_taken)
    assert (await fleet.status(RUN)).status is RunStatus.COMPLETED


class Alarm:
    """A timer that went off long ago, alone among all timers, and what was answered."""

    delivered = 1

    def __init__(self, run, name):
        self.subject = f"timer.{run}.{name}"
        self.time = time.time() - 100.0
        self.answered = asyncio.get_running_loop().create_future()

    async def consume(self, on_delivery, *, shard):
        assert shard == 0
        on_delivery(self)
        return SimpleNamespace(grant=lambda _credit: None)

    async def ack(self):
        self.answered.set_result("ack")

    async def nak(self, delay=0.0):
        self.answered.set_result(delay)


@pytest.mark.parametrize("exists", [False, True])
async def test_a_timeout_ends_no_run_that_has_none_or_is_gone(backend, client, exists):
    """As after an earlier run of that id, of another definition."""
    workflow = Workflow("endless", (Step("a", "nobody.has.this"),))
    await client.register(workflow)
    if exists:
        record = RunRecord(RUN, "endless", plan_of(workflow).hash, RunStatus.RUNNING, EMPTY, 0.0)
        await RunStore(backend.runs).save(record, 0)
    alarm = Alarm(RUN, TIMEOUT)
    backend = replace(backend, timers=cast("Timers", alarm))
    alarms = parts_of(stores_of(backend), SystemClock()).alarms

    await alarms.start()

    assert await alarm.answered == "ack"
    assert await bodies(backend.events, RUN) == []
