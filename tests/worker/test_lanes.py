"""No slot stays free while a step waits that it could take, and higher lanes come first."""

from __future__ import annotations

import asyncio
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from flowworker.core.status import Priority
from flowworker.ports import StepAddress
from flowworker.testing.clock import ManualClock, settle
from flowworker.worker.lanes import SETTLE, Lanes
from tests.support.backends import memory

ORDER = (Priority.HIGH, Priority.NORMAL, Priority.LOW)
CHOICES = (*ORDER, Priority.NORMAL, Priority.LOW)


class Place:
    """Workers on one queue whose steps end when a test says so."""

    def __init__(self, backend, clock):
        self.backend = backend
        self.clock = clock
        self.started: list[str] = []
        self.put_back = 0
        self.workers: list[Lanes] = []
        self.running: list[tuple[Lanes, Any]] = []
        self.waiting: dict[str, Priority] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def worker(self, slots, queues=("q",)) -> Lanes:
        lanes = Lanes(
            slots,
            self.clock,
            lambda delivery: self._start(lanes, delivery),
            self._refuse,
        )
        await lanes.open(self.backend, queues)
        self.workers.append(lanes)
        return lanes

    async def send(self, run, priority=Priority.NORMAL, queue="q"):
        self.waiting[run] = priority
        await self.backend.steps.enqueue(StepAddress(queue, priority, run, "s"), b"", run)

    def _start(self, lanes, delivery):
        run = delivery.subject.split(".")[3]
        self.started.append(run)
        del self.waiting[run]
        self.running.append((lanes, delivery))

    def _refuse(self, delivery):
        self.put_back += 1
        task = asyncio.create_task(delivery.nak())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self, index=0):
        lanes, delivery = self.running.pop(index)
        await delivery.ack()
        lanes.free()

    async def quiet(self):
        """Until nothing moves any more by itself."""
        for _ in range(3):
            await settle()
            await self.clock.advance(2 * SETTLE)
        await settle()

    @property
    def free(self):
        return [lanes.free_slots for lanes in self.workers]


@pytest.fixture
async def place():
    clock = ManualClock()
    async with memory(clock=clock) as backend:
        place = Place(backend, clock)
        yield place
        for lanes in place.workers:
            await lanes.close()


async def test_a_busy_worker_keeps_nothing_from_a_free_one(place):
    # Given two workers with one slot each, one of them busy
    await place.worker(1)
    await place.send("first")
    await settle()
    await place.worker(1)

    # When a step of any priority comes
    for priority in ORDER:
        await place.send(priority.value, priority)
        await settle()

        # Then the free one has it at once, without any time going by
        assert place.started[-1] == priority.value
        await place.end(-1)


async def test_the_next_free_slot_goes_to_the_highest_lane(place):
    await place.worker(1)
    await place.send("first")
    await settle()
    for n in range(3):
        for priority in reversed(ORDER):
            await place.send(f"{priority}{n}", priority)
    await place.quiet()

    while place.running:
        await place.end()
        await place.quiet()

    assert place.started == ["first", *(f"{priority}{n}" for priority in ORDER for n in range(3))]


async def test_low_waits_behind_a_backlog_and_no_longer(place):
    await place.worker(2)
    for n in range(20):
        await place.send(f"normal{n}")
    await settle()
    for n in range(5):
        await place.send(f"low{n}", Priority.LOW)
    await settle()

    while place.running:
        await place.end()
        await settle()

    lows = [number for number, run in enumerate(place.started) if run.startswith("low")]
    assert lows[0] >= 20 - 2  # as many as there are slots may have come in before the backlog
    assert len(place.started) == 25


async def test_a_backlog_that_others_worked_off_holds_up_nothing(place):
    # Given a worker that knows of a backlog
    mine = await place.worker(1)
    await place.send("first")
    await settle()
    await place.send("second")
    await place.send("third")
    await settle()

    # When somebody else takes it
    await place.worker(2)
    await settle()
    assert place.started == ["first", "second", "third"]
    await place.send("low", Priority.LOW)
    await place.end()

    # Then its own free slot takes the lower lane's step
    await place.quiet()
    assert place.started[-1] == "low"
    assert place.running[-1][0] is mine


async def test_what_comes_after_the_end_is_put_back(place):
    worker = await place.worker(1)
    await worker.close()
    await place.send("late")
    await settle()

    class Late:
        behind = 0

        async def nak(self):
            pass

    worker._arrive(worker._lanes[0], Late())
    assert place.put_back == 1
    assert place.started == []


class Hand:
    """A step queue whose deliveries a test makes, and its consumers."""

    def __init__(self):
        self.takers = {}

    async def consume(self, queue, priority, taker, shard):
        self.takers[priority] = taker
        return self

    def grant(self, credit):
        pass

    async def stop(self):
        pass

    def deliver(self, priority, behind=0):
        self.takers[priority](SimpleNamespace(subject=priority, behind=behind))


@pytest.mark.parametrize("reported_by", ["what waits behind it", "what was put back"])
async def test_nothing_is_taken_from_below_a_backlog(reported_by):
    started, put_back = [], []
    lanes = Lanes(
        2,
        ManualClock(),
        lambda delivery: started.append(delivery.subject),
        lambda delivery: put_back.append(delivery.subject),
    )
    hand = Hand()
    backend: Any = SimpleNamespace(steps=hand, shards=1)
    await lanes.open(backend, ("q",))

    if reported_by == "what waits behind it":
        hand.deliver(Priority.HIGH, behind=1)
    else:
        hand.deliver(Priority.HIGH)
        hand.deliver(Priority.HIGH)
        hand.deliver(Priority.HIGH)  # into no slot
        lanes.free()
    taken, refused = len(started), len(put_back)
    hand.deliver(Priority.LOW)
    hand.deliver(Priority.HIGH)

    assert started[taken:] == [Priority.HIGH]
    assert put_back[refused:] == [Priority.LOW]
    await lanes.close()


@pytest.mark.parametrize("seed", range(40))
async def test_no_slot_stays_free_while_a_step_waits(place, seed):
    random = Random(seed)
    queues = ("q", "p")[: random.choice((1, 2))]
    for _ in range(random.randint(1, 3)):
        await place.worker(random.choice((1, 2, 5)), queues)
    sent = 0
    for _ in range(60):
        for _ in range(random.choice((0, 0, 1, 4))):
            await place.send(f"r{sent}", random.choice(CHOICES), random.choice(queues))
            sent += 1
        for _ in range(random.choice((0, 1, 3))):
            if place.running:
                await place.end(random.randrange(len(place.running)))
            if random.random() < 0.5:
                await settle()
        await place.quiet()
        assert not place.waiting or not any(place.free), (place.waiting, place.free)
    while place.running:
        await place.end()
        await place.quiet()
    assert len(place.started) == sent
