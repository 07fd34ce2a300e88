"""Which runs a look for lost ones rebuilds, when, and how many."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from flowworker.codec.keys import run_key
from flowworker.coordinator.driving import recovery
from flowworker.coordinator.driving.recovery import Recovery
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord, Stop, StopReason
from flowworker.core.status import RunStatus
from flowworker.errors import Unavailable
from flowworker.settings import Settings
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from tests.support.listing import entry

SWEEP = 10.0
STOP = Stop(StopReason.CANCELLED)


class Clock:
    """Time passes for the one who sleeps, and as tests say."""

    def __init__(self):
        self.elapsed = 0.0

    def now(self):
        return 1e9 + self.elapsed

    def monotonic(self):
        return self.elapsed

    async def sleep(self, seconds):
        self.elapsed += seconds
        await asyncio.sleep(0)


class Partition:
    """A scheduler that has no run in memory.

    Attributes:
        recovered: what was rebuilt, and when.
        errors: what happens to some runs instead.
        takes: seconds of one rebuild.
        busy: until when events come faster than they are handled.
    """

    def __init__(self, clock):
        self.active = {}
        self.recovered = []
        self.errors = {}
        self.takes = 0.0
        self.busy = 0.0
        self._clock = clock

    @property
    def behind(self):
        return self._clock.monotonic() < self.busy

    @property
    def runs(self):
        return [run for run, _ in self.recovered]

    async def recover(self, run):
        if run in self.errors:
            raise self.errors[run]
        self.recovered.append((run, self._clock.monotonic()))
        self._clock.elapsed += self.takes
        return True


class Events:
    """An event log of one partition."""

    partitions = 1


class Queue:
    """A step queue that holds messages of some runs."""

    def __init__(self):
        self.runs = []

    async def backlog(self):
        return {run: ["a"] for run in self.runs}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def partition(clock):
    return Partition(clock)


@pytest.fixture
def queue():
    return Queue()


@pytest.fixture
def rebuilds():
    return asyncio.Semaphore(1)


@pytest.fixture
def sweep(backend, partition, queue, rebuilds, clock, metrics):
    stores = stores_of(replace(backend, steps=queue, events=Events()), Settings(sweep=SWEEP))
    recovery = Recovery(stores, stores.backend.steps.backlog, rebuilds, None, clock, metrics)

    async def sweep(*, taken=False, schedulers=None):
        await recovery.sweep(schedulers or {0: partition}, taken=taken)

    return sweep


async def listed(backend, count, created_at=0.0, status=RunStatus.RUNNING, stop=None):
    """Runs that are unfinished."""
    runs = RunStore(backend.runs)
    names = [f"r{number:02}" for number in range(count)]
    for run in names:
        await runs.save(RunRecord(run, "one", "h", status, EMPTY, created_at, stop=stop), 0)
        await runs.index(entry(status, "one", run, created_at))
    return names


async def test_a_run_that_stays_stuck_is_rebuilt_after_growing_pauses(
    backend, sweep, partition, clock
):
    await listed(backend, 1)

    for number in range(12):
        clock.elapsed = number * SWEEP
        await sweep()

    assert [at / SWEEP for _, at in partition.recovered] == [0, 2, 6]


async def test_the_pause_holds_though_other_partitions_are_taken_over(
    backend, sweep, partition, clock
):
    await listed(backend, 1)
    await sweep()

    await sweep(taken=True, schedulers={1: Partition(clock)})
    await sweep()

    assert partition.runs == ["r00"]


async def test_a_run_that_moved_on_meanwhile_is_rebuilt_at_once(backend, sweep, partition, queue):
    await listed(backend, 1)
    await sweep()
    queue.runs = ["r00"]
    await sweep()
    queue.runs = []

    await sweep()

    assert partition.runs == ["r00", "r00"]


async def test_runs_that_wait_are_rebuilt_in_turns(backend, sweep, partition, queue, clock):
    queue.runs = await listed(backend, 64)

    for number in range(32):
        clock.elapsed = number * SWEEP
        await sweep()

    assert Counter(partition.runs) == Counter(queue.runs)


async def test_a_run_that_is_not_found_was_not_missed_under_an_earlier_life_of_its_id(
    backend, sweep, clock
):
    # Given a run that was listed and not found, until somebody else took it off the list
    runs = RunStore(backend.runs)
    await runs.index(entry(RunStatus.RUNNING, "one", "r00"))
    await sweep()
    await runs.unindex(entry(RunStatus.RUNNING, "one", "r00"))
    clock.elapsed += SWEEP
    await sweep()

    # When long after that a run of this id is listed, and a stale answer does not show it
    await runs.index(entry(RunStatus.RUNNING, "one", "r00"))
    clock.elapsed += 3600.0
    await sweep()

    assert await runs.list(RunStatus.RUNNING) == [("one", "r00")]


async def test_what_waits_and_is_not_found_is_looked_at_again_as_soon_as_that_is_believed(
    backend, sweep, clock
):
    runs = RunStore(backend.runs)
    await runs.index(entry(RunStatus.WAITING_HUMAN, "one", "r00"))
    await sweep(taken=True)
    assert await runs.list(RunStatus.WAITING_HUMAN) == [("one", "r00")]

    clock.elapsed += 61.0
    await sweep()

    assert await runs.list(RunStatus.WAITING_HUMAN) == []


@pytest.mark.parametrize(
    ("status", "stop", "times"),
    [
        (RunStatus.RUNNING, None, 0),
        (RunStatus.RUNNING, STOP, 1),
        (RunStatus.COMPENSATING, STOP, 0),
    ],
)
async def test_beyond_a_few_of_those_that_wait_only_the_fenced_are_rebuilt(
    backend, sweep, partition, queue, clock, monkeypatch, status, stop, times
):
    monkeypatch.setattr(recovery, "DEEP_LOOKS", 0)
    queue.runs = await listed(backend, 1, status=status, stop=stop)

    for number in range(32):
        clock.elapsed = number * SWEEP
        await sweep()

    assert len(partition.runs) == times


async def test_a_young_run_is_rebuilt_only_right_after_a_takeover(backend, sweep, partition, clock):
    await listed(backend, 1, created_at=clock.now())

    await sweep()
    assert partition.runs == []

    await sweep(taken=True)
    assert partition.runs == ["r00"]


async def test_what_one_run_meets_does_not_end_the_look(backend, sweep, partition):
    names = await listed(backend, 8)
    partition.errors = {"r00": ZeroDivisionError("a defect"), "r01": Unavailable("away")}

    await sweep()

    assert partition.runs == names[2:]


async def test_a_run_that_cannot_be_read_is_read_after_growing_pauses(backend, sweep, clock, logs):
    [run] = await listed(backend, 1)
    await backend.runs.put(run_key(run), b"{damaged")

    for number in range(12):
        clock.elapsed = number * SWEEP
        await sweep()

    assert [(line["log_level"], line["run"]) for line in logs.lines] == [("warning", run)] * 3


async def test_a_look_ends_when_the_next_is_due_which_begins_with_the_rest(
    backend, sweep, partition
):
    names = await listed(backend, 12)
    partition.takes = SWEEP + 1.0

    await sweep()
    assert len(partition.runs) == 4

    await sweep()
    await sweep()
    assert sorted(partition.runs) == names


async def test_a_rebuild_waits_until_live_events_are_in_flight(backend, sweep, partition):
    await listed(backend, 1)
    partition.busy = 0.5

    await sweep()

    [(_, at)] = partition.recovered
    assert at >= 0.5


async def test_a_rebuild_does_not_wait_for_others_for_ever(backend, sweep, partition, rebuilds):
    await listed(backend, 1)
    await rebuilds.acquire()

    await sweep()

    [(_, at)] = partition.recovered
    assert at >= 1.0
