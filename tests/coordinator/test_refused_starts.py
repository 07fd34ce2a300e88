"""Starts for which there is no place: what becomes of those that somebody has late, and of runs."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from flowworker.codec.index import entry_of
from flowworker.codec.json import encode
from flowworker.codec.keys import run_key
from flowworker.codec.limits import WaitingRun
from flowworker.coordinator.commands.rejection import Rejected, Rejections
from flowworker.coordinator.commands.starts import Starts
from flowworker.coordinator.limits.run_standing import RunStanding
from flowworker.coordinator.limits.verdict import Verdict
from flowworker.core.admission import RunConcurrency
from flowworker.core.limit import Strategy
from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.errors import Unavailable
from flowworker.stores.limits import Place
from flowworker.stores.runs import RunStore
from flowworker.stores.sealing import INPUT
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from tests.coordinator.support import parts_of

FIRST, SECOND = "first", "second"
LARGE = encode({"text": "x" * 100_000, "password": "y" * 10_000})
SCHEMA = {"properties": {"password": {"secret": True}}}
HELD_UP = 30.0


class StaleRuns(RunStore):
    """Records, of which an answer may lack one."""

    def __init__(self, records):
        super().__init__(records)
        self.unseen = ""

    async def load(self, run):
        return None if run == self.unseen else await super().load(run)


class Door:
    """Takes start messages in as a coordinator does, and publishes why it does not."""

    def __init__(self, backend):
        self.backend = backend
        self.clock = ManualClock()
        self.runs = StaleRuns(backend.runs)
        self.stores = dataclasses.replace(stores_of(backend), runs=self.runs)
        metrics = Metrics(CollectorRegistry())
        self.gate = parts_of(self.stores, self.clock).gate
        self.starts = Starts(self.stores, self.gate, self.clock, metrics)
        self._rejections = Rejections(self.stores, self.clock, metrics)
        self._sequence = 0

    def message(self, run):
        self._sequence += 1
        return SimpleNamespace(
            subject="start.one",
            headers={"Nats-Msg-Id": run},
            data=LARGE,
            sequence=self._sequence,
            time=self.clock.now(),
            delivered=1,
        )

    async def take(self, message):
        """Whether it is a run."""
        try:
            await self.starts.take("one", message)
        except Rejected as rejected:
            await self._rejections.publish(rejected, message)
            await self.starts.discard(message)
            return False
        return True

    async def end(self, run):
        record, revision = await self.runs.load(run)
        ended = replace(record, status=RunStatus.COMPLETED)
        await self.runs.save(ended, revision)
        await self.gate.over(ended)
        return ended

    async def left_of(self, run):
        """But for the record that says so, which is removed later."""
        kept = [*await self.backend.payloads.keys(">"), *await self.backend.runs.keys(">")]
        found = await self.runs.load(run)
        known = {run_key(run)} if found is not None and found[0].refused else set()
        return [key for key in kept if run in key.split(".") and key not in known]

    async def forget(self, run):
        """As the alarm does that removes such a record."""
        _, revision = await self.runs.load(run)
        await self.runs.remove(run, revision)


@pytest.fixture
async def door(backend, client):
    skips = RunConcurrency(1, "", Strategy.SKIP)
    one = Workflow("one", (Step("a", "h"),), concurrency=(skips,), input_schema=SCHEMA)
    await client.register(one)
    made = Door(backend)
    assert await made.take(made.message(FIRST))
    yield made
    await made.gate.stop()


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("held_up", [0.0, HELD_UP])
async def test_who_has_the_message_of_a_refused_start_late_makes_no_run_of_it(
    door, held_up, forgotten
):
    message = door.message(SECOND)
    assert not await door.take(message)
    assert await door.left_of(SECOND) == []

    # Given another process that was handed the message before, and that there is room by now
    await door.end(FIRST)
    await door.clock.advance(held_up)
    if forgotten:
        await door.forget(SECOND)

    assert not await door.take(message)
    assert await door.left_of(SECOND) == []


async def test_who_sees_an_old_history_makes_no_run_of_a_refused_start(door, monkeypatch):
    message = door.message(SECOND)
    assert not await door.take(message)
    await door.end(FIRST)

    async def empty(run):
        return []

    monkeypatch.setattr(door.backend.events, "history", empty)
    message.delivered = 2

    assert not await door.take(message)


async def test_the_next_start_of_an_id_makes_a_run_where_one_was_refused(door):
    first, second = door.message(SECOND), door.message(SECOND)
    assert not await door.take(first)
    await door.end(FIRST)

    with pytest.raises(Unavailable, match="was of a start that was refused"):
        await door.take(second)
    assert await door.take(second)

    record, _ = await door.runs.load(SECOND)
    assert record.status is RunStatus.RUNNING


async def test_an_earlier_start_takes_no_id_from_a_later_one_that_was_refused(door):
    first, second = door.message(SECOND), door.message(SECOND)
    assert not await door.take(second)
    await door.end(FIRST)

    assert not await door.take(first)


@pytest.mark.parametrize("forgotten", [False, True])
async def test_who_is_late_with_a_refused_start_keeps_nothing_that_nobody_would_remove(
    door, monkeypatch, forgotten
):
    message = door.message(SECOND)
    assert not await door.take(message)
    await door.clock.advance(HELD_UP)
    if forgotten:
        await door.forget(SECOND)

    async def fails(record, revision):
        raise Unavailable("a node without its peers")

    with monkeypatch.context() as patch, suppress(Unavailable):
        patch.setattr(door.runs, "save", fails)
        await door.take(message)
    assert not await door.take(message)

    assert await door.left_of(SECOND) == []


async def test_no_start_is_refused_whose_record_may_only_be_unseen(door):
    door.runs.unseen = SECOND
    with pytest.raises(Unavailable, match="may be stale"):
        await door.take(door.message(SECOND))

    door.runs.unseen = ""
    record, _ = await door.runs.load(SECOND)
    assert not record.refused


async def test_a_refused_start_that_was_listed_as_waiting_is_listed_no_more(door):
    message = door.message(SECOND)
    with pytest.raises(Rejected):
        await door.starts.take("one", message)
    record, _ = await door.runs.load(SECOND)
    await door.runs.index(entry_of(record))

    await door.starts.discard(message)

    assert await door.left_of(SECOND) == []


async def test_who_removes_a_refused_start_late_leaves_the_run_that_has_its_id_by_then(
    door, monkeypatch
):
    message = door.message(SECOND)
    with pytest.raises(Rejected):
        await door.starts.take("one", message)
    refused, revision = await door.runs.load(SECOND)
    right = door.runs.load

    async def and_another_begins(run):
        found = await right(run)
        await door.runs.remove(SECOND, revision)
        await door.runs.save(replace(refused, admission=None, status=RunStatus.RUNNING), 0)
        return found

    monkeypatch.setattr(door.runs, "load", and_another_begins)
    with pytest.raises(Unavailable):
        await door.starts.entrance.make_way(refused, 99)
    monkeypatch.undo()

    record, _ = await door.runs.load(SECOND)
    assert record.status is RunStatus.RUNNING


async def test_a_run_that_has_ended_and_whose_beginning_was_cut_short_is_pending_no_more(door):
    # Given one that was listed as pending, began later, and is on a limit's list still
    record, _ = await door.runs.load(FIRST)
    await door.runs.index(entry_of(replace(record, status=RunStatus.PENDING, created_at=1.0)))
    ended = await door.end(FIRST)
    admission = ended.admission
    place = Place(admission.uses[0].limit, admission.ticket, FIRST, "")

    standing = RunStanding(door.stores, door.clock)
    verdict = await standing.of(place, WaitingRun(FIRST, admission.uses, admission.ticket))

    assert verdict is Verdict.GONE
    assert await door.runs.listed(RunStatus.PENDING) == []


async def test_who_is_held_up_before_it_keeps_an_input_keeps_none_of_a_refused_start(
    door, monkeypatch
):
    # Given a process that looked before another one refused the start, and is held up then
    message, keep = door.message(SECOND), door.starts.inputs.keep

    async def late(*given):
        monkeypatch.undo()
        assert not await door.take(message)
        await door.end(FIRST)
        await door.clock.advance(HELD_UP)
        return await keep(*given)

    monkeypatch.setattr(door.starts.inputs, "keep", late)

    with pytest.raises(Unavailable, match="it took too long"):
        await door.take(message)
    assert not await door.take(message)
    assert await door.left_of(SECOND) == []


async def test_a_start_that_is_refused_takes_nothing_of_the_next_one_with_its_id(door):
    # Given one that was refused and not removed yet, and another one whose input is kept
    message = door.message(SECOND)
    with pytest.raises(Rejected):
        await door.starts.take("one", message)
    plan = await door.stores.definitions.latest("one")
    payload, secrets = await door.starts.inputs.keep(plan, SECOND, "input.99", LARGE)

    await door.starts.discard(message)

    assert await door.stores.payloads.load(payload, SECOND, INPUT) == LARGE
    assert secrets is not None
    assert (await door.stores.secrets.read(SECOND, secrets)).texts
