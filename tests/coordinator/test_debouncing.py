"""Starts that replace each other, when coordinators die, are late, or see the past."""

from __future__ import annotations

import asyncio
import dataclasses
from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from flowworker.codec.json import encode
from flowworker.codec.keys import START
from flowworker.codec.messages import FLOW_DELAY
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.starts import Starts
from flowworker.core.debounce import Debounce
from flowworker.core.event_types import EventType
from flowworker.core.ids import origin_of
from flowworker.core.model import Step, Workflow
from flowworker.core.records import Stop, StopReason
from flowworker.core.status import RunStatus
from flowworker.core.waiting import EARLY
from flowworker.errors import Unavailable
from flowworker.stores.definitions import DefinitionStore
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from tests.coordinator.support import parts_of

FLOW = Workflow("one", (Step("a", "h"),), debounce=Debounce(10.0, 12.0))
STRICT = {"type": "object", "required": ["order"]}
FIRST, SECOND = "first", "second"


class Runs(RunStore):
    """Records, of which an answer may lack one, and which cannot be written at times."""

    def __init__(self, records):
        super().__init__(records)
        self.unseen = self.unwritten = ""

    async def load(self, run):
        return None if run == self.unseen else await super().load(run)

    async def save(self, record, revision):
        if record.run == self.unwritten:
            raise Unavailable("a node without its peers")
        return await super().save(record, revision)


class Door:
    """Takes start messages in as a coordinator does, and has runs begin whose time has come."""

    def __init__(self, backend):
        self.backend = backend
        self.clock = ManualClock()
        self.runs = Runs(backend.runs)
        self.stores = dataclasses.replace(stores_of(backend), runs=self.runs)
        self.gate = parts_of(self.stores, self.clock).gate
        self.starts = Starts(self.stores, self.gate, self.clock, Metrics(CollectorRegistry()))
        self.debouncing = self.starts.debouncing
        self._sequence = 0

    def message(self, run, text="", **headers):
        self._sequence += 1
        return SimpleNamespace(
            subject="start.one",
            headers={"Nats-Msg-Id": run, **headers},
            data=encode({"text": text}),
            sequence=self._sequence,
            time=self.clock.now(),
            delivered=1,
        )

    async def take(self, message):
        await self.starts.take("one", message)
        record, _ = await self.runs.load(message.headers["Nats-Msg-Id"])
        return record

    async def is_asked_to_stop(self, run):
        history = await self.backend.events.history(run)
        return any(one.type is EventType.CANCEL_REQUESTED for one in history)


@pytest.fixture
async def door(backend, client):
    await client.register(FLOW)
    made = Door(backend)
    yield made
    await made.gate.stop()


async def test_a_run_that_has_begun_is_not_replaced_whatever_others_know_of_it(door):
    # Given processes that have had its record in their hands since it was new
    early = await door.take(door.message(FIRST))
    await door.clock.advance(10.0)
    assert await door.debouncing.may_begin(early)
    later = await door.take(door.message(SECOND))

    await door.debouncing.replace(early)
    assert await door.debouncing.may_begin(early)

    # Nor when the next one has begun, and nobody remembers
    record, revision = await door.runs.load(FIRST)
    await door.runs.save(replace(record, begins_at=0.0), revision)
    await door.clock.advance(10.0)
    assert await door.debouncing.may_begin(later)
    await door.take(door.message("third"))
    assert not await door.debouncing.may_begin(early)
    assert not await door.is_asked_to_stop(FIRST)


async def test_nobody_gives_way_to_a_start_that_is_rejected_in_the_end(door, backend):
    # Given a coordinator that died before the later one had its record
    first = await door.take(door.message(FIRST))
    message, door.runs.unwritten = door.message(SECOND), SECOND
    with pytest.raises(Unavailable):
        await door.take(message)
    # And a definition that rejects it by now
    await DefinitionStore(backend.definitions).register(replace(FLOW, input_schema=STRICT))
    message.delivered, door.runs.unwritten = 2, ""
    await door.clock.advance(60.0)
    with pytest.raises(Rejected):
        await door.take(message)

    assert await door.debouncing.may_begin(first)


async def test_behind_one_that_was_stopped_others_are_counted_anew(door):
    first = await door.take(door.message(FIRST))
    _, revision = await door.runs.load(FIRST)
    stopped = replace(first, status=RunStatus.CANCELLED, stop=Stop(StopReason.CANCELLED, ""))
    await door.runs.save(stopped, revision)
    await door.clock.advance(100.0)

    second = await door.take(door.message(SECOND))

    assert second.begins_at == door.clock.now() + 10.0


async def test_one_that_came_close_to_another_that_has_begun_meanwhile_waits_on(door, monkeypatch):
    # Given a run that nobody has compared with others yet, and a first one that begins
    first = await door.take(door.message(FIRST))
    await door.clock.advance(9.0)
    with monkeypatch.context() as cut_short:
        cut_short.setattr(door.debouncing, "replace", no_answer)
        with pytest.raises(Unavailable):
            await door.take(door.message(SECOND))
    second, _ = await door.runs.load(SECOND)
    assert second.begins_at == door.clock.now() + 3.0  # the timeout after the first one
    await door.clock.advance(1.0)
    assert await door.debouncing.may_begin(first)
    await door.backend.timers.clear(SECOND, START)
    await door.clock.advance(2.0)

    begins = asyncio.create_task(door.debouncing.may_begin(second))
    await door.clock.advance(EARLY / 2)
    # Not at once: a clock that is late would set the alarm to what is past for others
    assert not door.backend.timers.pending(SECOND, START)
    await door.clock.advance(EARLY / 2)
    assert not await begins
    assert door.backend.timers.pending(SECOND, START)

    await door.clock.advance(7.0 - EARLY)
    assert await door.debouncing.may_begin(second)


async def no_answer(_record):
    raise Unavailable("it takes too long")


async def test_a_run_that_has_the_id_of_one_that_was_replaced_is_another_one(door):
    first = await door.take(door.message(FIRST))
    late = await door.take(door.message(SECOND))
    assert await door.is_asked_to_stop(FIRST)
    # Given that the first one is removed, its id is used again, and nobody has looked at that yet
    _, revision = await door.runs.load(FIRST)
    await door.runs.remove(FIRST, revision)
    await door.backend.events.drop(FIRST)
    again = replace(first, origin=origin_of(3, door.clock.now() + 1))
    await door.runs.save(again, 0)

    await door.debouncing.replace(late)

    assert not await door.is_asked_to_stop(FIRST)


async def test_a_start_that_says_when_it_begins_is_rejected_however_late(door):
    message = door.message(FIRST, "x" * 100_000, **{FLOW_DELAY: "1s"})
    await door.clock.advance(90.0)

    with pytest.raises(Rejected, match="they cannot say when they begin"):
        await door.take(message)

    assert await door.backend.payloads.keys(">") == []


async def test_a_run_that_an_answer_does_not_show_keeps_its_input(door):
    message = door.message(FIRST, "x" * 100_000)
    await door.take(message)
    kept = await door.backend.payloads.keys(">")
    assert kept
    message.delivered, door.runs.unseen = 2, FIRST

    with pytest.raises(Unavailable, match="that was not found"):
        await door.take(message)

    assert await door.backend.payloads.keys(">") == kept


async def test_the_record_of_a_key_is_removed_with_the_last_run_long_after_that_began(door):
    first = await door.take(door.message(FIRST))
    second = await door.take(door.message(SECOND))
    await door.clock.advance(10.0)
    assert await door.debouncing.may_begin(second)

    async def is_known():
        return (await door.stores.debounces.load(first.debounce))[1] > 0

    # Not while the one before it may be late to hear of it, nor with that one
    await door.debouncing.forget(second)
    assert await is_known()
    await door.clock.advance(130.0)
    await door.debouncing.forget(first)
    assert await is_known()

    await door.debouncing.forget(second)
    assert not await is_known()


async def test_one_that_was_replaced_is_asked_to_stop_though_an_answer_does_not_show_it(door):
    # Given a run that nobody has asked to stop since a later one came
    first = await door.take(door.message(FIRST))
    with pytest.MonkeyPatch.context() as cut_short:
        cut_short.setattr(door.debouncing, "_stop", no_stop)
        await door.take(door.message(SECOND))
    await door.clock.advance(20.0)

    door.runs.unseen = FIRST
    with pytest.raises(Unavailable, match="what was read of run first is stale"):
        await door.debouncing.may_begin(first)
    door.runs.unseen = ""

    assert not await door.debouncing.may_begin(first)
    assert await door.is_asked_to_stop(FIRST)


async def no_stop(_record, _last):
    """As if the coordinator had died before that."""
