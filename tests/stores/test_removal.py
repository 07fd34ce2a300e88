"""A run that is removed leaves nothing behind, and nothing of the next run of its id is touched."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest
from msgspec.structs import replace as with_fields

from flowworker.codec.index import entry_of
from flowworker.codec.keys import TIMEOUT, emit_key
from flowworker.codec.subjects import CommandLane
from flowworker.compat.opening import existing
from flowworker.compat.state import StateStore
from flowworker.core.event_types import EventType
from flowworker.core.ids import origin_of
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord, StepRecord
from flowworker.core.status import Kind, Outcome, Priority, RunStatus
from flowworker.errors import Unavailable
from flowworker.ports import Delivery, StepAddress, StepQueue
from flowworker.stores.removal import remove_run
from flowworker.stores.stores import stores_of
from flowworker.testing import ManualClock
from tests.support.backends import memory
from tests.support.histories import bodies

RUN = "r1"
QUEUE = "gpu"
ADDRESS = StepAddress(QUEUE, Priority.HIGH, RUN, "a")
ENDED = RunRecord(RUN, "one", "h", RunStatus.FAILED, EMPTY, 100.0, finished_at=200.0, expires=300.0)


@pytest.fixture
async def backend():
    async with memory(partitions=1) as backend:
        yield backend


@pytest.fixture
def stores(backend):
    return stores_of(backend)


@pytest.fixture
def clock():
    return ManualClock()


async def live_through(stores, record):
    """Leave behind all that a run can, one thing of each kind."""
    backend, run = stores.backend, record.run
    step = StepRecord(run, "a", Kind.RUN, 1, 1, Outcome.FAILED)
    for status in (RunStatus.RUNNING, record.status):  # who moved it died before it unlisted it
        await stores.runs.index(entry_of(record, status))
    await stores.runs.save(record, 0)
    await stores.runs.save_step(QUEUE, step, 0)
    await backend.runs.put(emit_key("default", run, "order.paid"), b"{}")
    await stores.payloads.store(run, "default", "output.a", b"x" * 10_000)
    await stores.payloads.upload(run, "input", b"y" * 10_000)
    await backend.events.publish(run, EventType.STARTED, b"{}", f"{run}/started")
    await backend.timers.set(run, TIMEOUT, 9e9)
    await backend.steps.enqueue(replace(ADDRESS, run=run), b"{}", f"{run}/queued")
    await backend.steps.enqueue(replace(ADDRESS, run=run), b"{}", f"{run}/scheduled", 9e9)


async def left(stores, run):
    """What there is of a run, by kind."""
    backend = stores.backend
    found: dict[str, Any] = {
        "records": [key for key in await backend.runs.keys(">") if run in key.split(".")],
        "payloads": [key for key in await backend.payloads.keys(">") if key.startswith(run)],
        "history": await bodies(backend.events, run),
        "timers": [one for one in await backend.timers.runs(TIMEOUT) if one == run],
        "step messages": await backend.steps.queued(replace(ADDRESS, run=run)),
    }
    return {kind: len(things) for kind, things in found.items() if things}


EVERYTHING = {"records": 5, "payloads": 2, "history": 1, "timers": 1, "step messages": 2}


async def by_removal(stores, clock):
    await remove_run(stores, RUN, ENDED, clock)


async def by_a_look_at_what_is_expired(stores, clock):
    await clock.advance(400.0)
    assert await StateStore(existing(stores), clock=clock).get_state(RUN) == {}


@pytest.mark.parametrize("removed", [by_removal, by_a_look_at_what_is_expired])
async def test_nothing_is_left_of_a_run_and_all_of_another(stores, clock, removed):
    await live_through(stores, ENDED)
    await live_through(stores, with_fields(ENDED, run="r2", expires=9e9))
    assert await left(stores, RUN) == await left(stores, "r2") == EVERYTHING

    await removed(stores, clock)

    assert await left(stores, RUN) == {}
    assert await left(stores, "r2") == EVERYTHING


async def test_what_was_set_after_a_removal_is_removed_without_a_record(stores, clock):
    await live_through(stores, ENDED)
    await remove_run(stores, RUN, ENDED, clock)
    await stores.backend.timers.set(RUN, TIMEOUT, 9e9)
    await stores.backend.steps.enqueue(ADDRESS, b"{}", "late")
    await stores.backend.events.publish(RUN, EventType.STEP_STARTED, b"{}", "late")

    await remove_run(stores, RUN, None, clock)

    assert await left(stores, RUN) == {}


async def test_a_removal_that_took_too_long_stops(backend, clock):
    # Given a process that stands still while it removes step messages
    removed = []

    class Steps:
        async def drop(self, run):
            removed.append(run)
            await clock.advance(6.0)

    stores = stores_of(replace(backend, steps=cast("StepQueue", Steps())))
    await live_through(stores_of(backend), ENDED)
    before = await left(stores_of(backend), RUN)

    # When it goes on, then it touches nothing more: the id may be used again by now
    with pytest.raises(Unavailable, match="took too long"):
        await remove_run(stores, RUN, ENDED, clock)

    assert removed == [RUN]
    assert await left(stores_of(backend), RUN) == before


@pytest.mark.parametrize("chosen", [True, False], ids=["chosen id", "id of the sequence"])
async def test_a_run_is_not_removed_while_its_start_message_would_begin_it_again(
    stores, backend, clock, chosen
):
    headers = {"Nats-Msg-Id": RUN} if chosen else {}
    sequence = await backend.commands.send("start.one", b"{}", headers)
    await backend.commands.send("start.one", b"{}", {})
    run = RUN if chosen else f"seq-{sequence:012d}"
    record = with_fields(ENDED, run=run, origin=origin_of(sequence, 90.0))
    await live_through(stores, record)

    with pytest.raises(Unavailable, match="not acknowledged yet"):
        await remove_run(stores, run, record, clock)
    assert await left(stores, run) == EVERYTHING

    starts: asyncio.Queue[Delivery] = asyncio.Queue()
    consumer = await backend.commands.consume(CommandLane.STARTS, starts.put_nowait)
    consumer.grant(1)
    await (await starts.get()).ack()
    await remove_run(stores, run, record, clock)

    assert await left(stores, run) == {}


async def test_a_start_of_another_run_with_the_same_sequence_holds_up_no_removal(
    stores, backend, clock
):
    """Sequences are counted anew in each process whose queues are its own."""
    sequence = await backend.commands.send("start.one", b"{}", {"Nats-Msg-Id": "other"})
    record = with_fields(ENDED, origin=origin_of(sequence, 90.0))
    await live_through(stores, record)

    await remove_run(stores, RUN, record, clock)

    assert await left(stores, RUN) == {}
