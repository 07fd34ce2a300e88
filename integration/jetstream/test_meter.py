"""What waits, as the server tells it."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from flowworker.clock import SystemClock
from flowworker.codec.keys import SCHEDULE_NEXT
from flowworker.codec.subjects import CommandLane
from flowworker.core.occurrence import ScheduleRecord
from flowworker.core.schedule import Schedule
from flowworker.core.status import Priority
from flowworker.jetstream import TopologyOptions
from flowworker.ports import Delivery, Meter, StepAddress
from flowworker.stores.stores import stores_of
from integration.jetstream.lane import IN_MEMORY
from tests.support.waiting import eventually

PLAIN = ScheduleRecord(Schedule("s", every=60.0), "w", 1.0, 1.0, "", 1.0)
OVER = replace(PLAIN, ended=True)

pytestmark = pytest.mark.usefixtures("options")


@pytest.fixture
async def backend(open_jetstream):
    return await open_jetstream(topology=IN_MEMORY)


@pytest.fixture
def meter(backend) -> Meter:
    assert backend.meter is not None
    return backend.meter


async def enqueue(backend, number, priority=Priority.NORMAL):
    address = StepAddress("q", priority, f"r{number}", "a")
    await backend.steps.enqueue(address, b"{}", f"r{number}/{priority}")


async def test_steps_that_nobody_got_are_pending_and_the_first_one_has_an_age(backend, meter):
    assert await meter.lanes() == {}
    got: list[Delivery] = []
    consumer = await backend.steps.consume("q", Priority.NORMAL, got.append)
    before = time.time() - 1.0
    for number in range(3):
        await enqueue(backend, number)

    [level] = [one for lane, one in (await meter.lanes()).items() if lane == ("q", "normal")]

    assert (level.pending, level.in_flight, level.requests) == (3, 0, 0)
    assert before < level.oldest < time.time() + 1.0
    consumer.grant(2)
    await eventually(lambda: len(got) == 2)
    left = (await meter.lanes())["q", "normal"]
    assert (left.pending, left.in_flight) == (1, 2)
    assert left.oldest >= level.oldest


async def test_a_worker_with_a_free_slot_is_seen_by_its_request(backend, meter):
    consumer = await backend.steps.consume("q", Priority.HIGH, [].append)
    consumer.grant(4)

    async def asked():
        level = (await meter.lanes())["q", "high"]
        return level.requests == 1 and (level.pending, level.oldest) == (0, 0.0)

    await eventually(asked)


async def test_queues_with_dashes_in_their_names_are_kept_apart(backend, meter):
    for queue in ("q", "q-high", "step-q"):
        await backend.steps.consume(queue, Priority.LOW, [].append)

    assert set(await meter.lanes()) == {("q", "low"), ("q-high", "low"), ("step-q", "low")}


async def test_commands_and_events_are_pending_until_somebody_gets_them(backend, meter):
    got: list[Delivery] = []
    assert await meter.commands() == {}
    assert await meter.events([0, 3]) == {}
    starts = await backend.commands.consume(CommandLane.STARTS, got.append)
    await backend.events.consume(3, [].append)
    await backend.commands.send("start.w", b"{}", {})

    assert await meter.commands() == {"starts": 1}
    assert await meter.events([0, 3]) == {3: 0}
    starts.grant(1)
    await eventually(lambda: len(got) == 1)
    assert await meter.commands() == {"starts": 0}


async def test_schedules_are_counted_by_state(backend, meter):
    assert await meter.schedules() == {"ACTIVE": 0, "PAUSED": 0, "ENDED": 0}
    store = stores_of(backend).schedules
    for number, record in enumerate((PLAIN, PLAIN, replace(PLAIN, paused="why"), OVER)):
        await store.save(replace(record, schedule=Schedule(f"s{number}", every=60.0)), 0)
    await backend.timers.set("s0", SCHEDULE_NEXT, SystemClock().now() + 3600.0)

    assert await meter.schedules() == {"ACTIVE": 2, "PAUSED": 1, "ENDED": 1}


async def test_what_is_stored_is_counted_by_stream(backend, meter, names):
    before = await meter.storage()
    await enqueue(backend, 1)

    storage = await meter.storage()

    assert storage.messages[names.first.steps] == before.messages[names.first.steps] + 1
    assert storage.sizes[names.first.steps] > before.sizes[names.first.steps]
    assert len(storage.messages) == 7
    assert storage.limit == 0
    assert storage.used >= 0


async def test_more_consumers_than_an_answer_has_are_all_counted(backend, meter):
    for number in range(90):
        for priority in Priority:
            await backend.steps.consume(f"q{number}", priority, [].append)

    assert len(await meter.lanes()) == 3 * 90


async def test_what_is_in_several_shards_is_one_level(open_jetstream, namespace):
    backend = await open_jetstream(topology=TopologyOptions(storage="memory", shards=3))
    assert await backend.meter.lanes() == {}
    before = time.time() - 1.0
    for number in range(12):
        await enqueue(backend, number)
        await backend.timers.set(f"r{number}", "timeout", time.time() - 1.0)
    await backend.lanes.hold("q")
    for shard in range(3):
        await backend.timers.consume(lambda _delivery: None, shard=shard)

    async def have_fired() -> bool:
        return (await backend.meter.commands())["timers"] == 12

    level = (await backend.meter.lanes())["q", "normal"]
    assert (level.pending, level.in_flight, level.held) == (12, 0, True)
    assert before < level.oldest < time.time() + 1.0
    await eventually(have_fired)
    storage = await backend.meter.storage()
    steps = [name for name in storage.messages if "_STEPS" in name]
    assert len(steps) == 3
    assert all(storage.messages[name] for name in steps)
