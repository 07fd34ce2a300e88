"""Which coordinator measures what, and what its metrics say when it cannot."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from flowworker.codec.json import encode
from flowworker.codec.presence import Presence, presence_keys
from flowworker.errors import PermissionDenied, Unavailable
from flowworker.ports import Entry, LaneLevel, StorageLevel
from flowworker.telemetry.measuring import PERIOD, SELDOM, measure_loop, measure_server
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock

LANE = {"queue": "default", "priority": "low"}


class Reported:
    """A meter whose answers are given."""

    def __init__(self, clock):
        self.level = LaneLevel(5, 2, 1, clock.now() - 40.0)
        self.error = None
        self.asked = []

    async def events(self, partitions):
        self.asked.append("events")
        if self.error is not None:
            raise self.error
        return dict.fromkeys(partitions, 7)

    async def commands(self):
        return {"starts": 3, "timers": 0}

    async def lanes(self):
        self.asked.append("lanes")
        return {("default", "low"): self.level}

    async def schedules(self):
        self.asked.append("schedules")
        return {"ACTIVE": 3, "PAUSED": 1, "ENDED": 0}

    async def storage(self):
        return StorageLevel(100, 1000, {"STEPS": 4}, {"STEPS": 50})


class Said:
    """What processes say of themselves."""

    def __init__(self):
        self.error = None
        self.entries_now = [
            *entries(Presence("coordinator", "c1", running=9)),
            *entries(Presence("coordinator", "c2", draining=True)),
            *entries(Presence("worker", "w1", slots=8, running=3), "default", "gpu"),
            *entries(Presence("worker", "w2", slots=4, running=4), "gpu"),
            *entries(Presence("worker", "w3", slots=4, running=1, draining=True), "default", "gpu"),
            Entry("present.worker.gpu.w4", b"{", 0.0, 0.0),
        ]

    async def put(self, key, value, ttl):
        """Nobody does here."""

    async def remove(self, key):
        """Nor that."""

    async def entries(self, pattern):
        assert pattern == "present.>"
        if self.error is not None:
            raise self.error
        return self.entries_now


def entries(said, *queues):
    return [Entry(key, encode(said), 0.0, 0.0) for key in presence_keys(said, queues)]


class Watched:
    """A process that measures."""

    def __init__(self):
        self.clock = ManualClock()
        self.meter = Reported(self.clock)
        self.presences = Said()
        self.registry = CollectorRegistry()
        self.partitions = (0, 3)
        self.metrics = Metrics(self.registry)

    def of(self, name, **labels):
        return self.registry.get_sample_value(f"flowworker_{name}", labels)

    def start(self):
        return asyncio.create_task(
            measure_server(
                self.meter, self.presences, lambda: self.partitions, self.metrics, self.clock
            )
        )


@pytest.fixture
async def watched():
    made = Watched()
    task = made.start()
    await made.clock.advance(0)
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_who_drives_partition_0_measures_what_is_common(watched):
    assert watched.of("events_pending", partition="3") == 7
    assert watched.of("commands_pending", lane="starts") == 3
    assert watched.of("steps_pending", **LANE) == 5
    assert watched.of("steps_in_flight", **LANE) == 2
    assert watched.of("step_requests", **LANE) == 1
    assert watched.of("oldest_step_seconds", **LANE) == pytest.approx(40.0)
    assert watched.of("queue_paused", **LANE) == 0
    assert watched.of("stream_messages", stream="STEPS") == 4
    assert watched.of("stream_bytes", stream="STEPS") == 50
    assert watched.of("storage_bytes") == 100
    assert watched.of("storage_limit_bytes") == 1000
    assert watched.of("measured_timestamp_seconds") == watched.clock.now()


async def test_schedules_are_counted_seldom_and_anew_by_who_comes_to_drive_partition_0(watched):
    assert [watched.of("schedules", state=one) for one in ("ACTIVE", "PAUSED")] == [3, 1]
    await watched.clock.advance(SELDOM - 1.0)
    assert watched.meter.asked.count("schedules") == 1
    await watched.clock.advance(PERIOD)
    assert watched.meter.asked.count("schedules") == 2

    watched.partitions = (3,)
    await watched.clock.advance(PERIOD)
    assert watched.of("schedules", state="ACTIVE") is None
    watched.partitions = (0,)
    await watched.clock.advance(PERIOD)
    assert watched.of("schedules", state="ACTIVE") == 3


async def test_who_drives_partition_0_counts_who_is_there(watched):
    assert watched.of("present_coordinators") == 1
    assert [watched.of("present_workers", queue=one) for one in ("default", "gpu")] == [1, 2]
    assert [watched.of("present_slots", queue=one) for one in ("default", "gpu")] == [8, 12]
    assert [watched.of("present_running", queue=one) for one in ("default", "gpu")] == [3, 7]
    drain = [watched.of("present_draining", role=one) for one in ("coordinator", "worker")]
    assert drain == [1, 1]
    # And of a queue without workers there is nothing
    watched.presences.entries_now = entries(Presence("worker", "w1", slots=8), "default")
    await watched.clock.advance(PERIOD)
    assert watched.of("present_workers", queue="gpu") is None
    assert watched.of("present_draining", role="worker") == 0


async def test_who_must_not_see_who_is_there_measures_the_rest(watched, logs):
    watched.presences.error = PermissionDenied("no right to read presences")
    watched.meter.level = LaneLevel(6, 2, 1)

    await watched.clock.advance(PERIOD)

    assert watched.of("steps_pending", **LANE) == 6
    assert watched.of("measured_timestamp_seconds") == watched.clock.now()
    assert len(logs.at("warning")) == 1


async def test_who_loses_partition_0_says_nothing_of_it_any_more(watched):
    watched.partitions = (3,)
    watched.meter.asked.clear()

    await watched.clock.advance(PERIOD)

    assert watched.meter.asked == ["events"]
    assert watched.of("events_pending", partition="0") is None
    assert watched.of("events_pending", partition="3") == 7
    assert watched.of("steps_pending", **LANE) is None
    assert watched.of("commands_pending", lane="starts") is None
    assert watched.of("present_workers", queue="gpu") is None
    assert watched.of("present_coordinators") == 0
    assert watched.of("measured_timestamp_seconds") == 0


async def test_who_drives_nothing_yet_looks_again_soon(watched):
    watched.partitions = ()
    await watched.clock.advance(PERIOD)
    watched.partitions = (0,)

    await watched.clock.advance(1.0)

    assert watched.of("steps_pending", **LANE) == 5


async def test_an_empty_lane_has_no_oldest_step(watched):
    watched.meter.level = LaneLevel(0, 0, 1)

    await watched.clock.advance(PERIOD)

    assert watched.of("oldest_step_seconds", **LANE) == 0


async def test_a_lane_may_hand_nothing_out(watched):
    watched.meter.level = LaneLevel(2, 0, 1, held=True)

    await watched.clock.advance(PERIOD)

    assert watched.of("queue_paused", **LANE) == 1


async def test_what_cannot_be_measured_stays_and_its_age_shows(watched, logs):
    measured = watched.clock.now()
    watched.meter.error = Unavailable("no answer")

    await watched.clock.advance(PERIOD)
    await watched.clock.advance(PERIOD)

    assert watched.of("steps_pending", **LANE) == 5
    assert watched.of("measured_timestamp_seconds") == measured
    assert len(logs.at("warning")) == 1
    watched.meter.error = None
    await watched.clock.advance(PERIOD)
    assert watched.of("measured_timestamp_seconds") == watched.clock.now()


class LateClock(ManualClock):
    """Who sleeps wakes up late."""

    late = 0.0

    async def sleep(self, seconds):
        await super().sleep(seconds + self.late)


async def test_the_worst_lateness_of_a_period_is_shown():
    clock, registry = LateClock(), CollectorRegistry()
    task = asyncio.create_task(measure_loop(Metrics(registry), clock))

    async def lag_after(seconds):
        await clock.advance(seconds)
        return registry.get_sample_value("flowworker_event_loop_lag_seconds")

    assert await lag_after(5.0) == pytest.approx(0.0)
    clock.late = 2.0
    await lag_after(1.0)
    clock.late = 0.0
    assert await lag_after(5.0) == pytest.approx(2.0)
    assert await lag_after(2 * PERIOD) == pytest.approx(0.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
