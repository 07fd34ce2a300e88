"""What the parts of a coordinator meet does not end it, nor keep it from its end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from flowworker.codec.index import entry_of
from flowworker.codec.keys import RETENTION
from flowworker.coordinator import Coordinator
from flowworker.coordinator.driving.ended import ROUND
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus
from flowworker.errors import InvalidInput, Unavailable
from flowworker.memory import memory_backend
from flowworker.settings import Settings
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.faults import Flaky

SETTINGS = Settings(sweep=100.0, partition_lease=1000.0)


class Part:
    """Looks after runs, and fails at first as it is asked to."""

    def __init__(self, *errors):
        self.asked = 0
        self.errors = [*errors]

    async def restore(self):
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)

    async def sweep(self, schedulers, *, taken):
        await self.restore()


@pytest.fixture
async def backend(clock):
    backend = memory_backend(settings=SETTINGS, clock=clock, partitions=2)
    yield backend
    await backend.close()


@pytest.fixture
async def make(clock):
    """Coordinators, which end with the test."""
    made: list[Coordinator] = []

    def make(backend, adopts=None):
        metrics = Metrics(CollectorRegistry())
        made.append(
            Coordinator(stores_of(backend, SETTINGS), clock, f"c{len(made)}", metrics, adopts)
        )
        return made[-1]

    yield make
    for coordinator in made:
        await coordinator.stop()


async def test_it_is_ready_and_resumes_runs_as_long_as_it_drives_them(backend, make):
    coordinator = make(backend)
    assert (coordinator.ready, coordinator.resume("r1")) == (False, False)

    await coordinator.start()
    assert (coordinator.ready, coordinator.resume("r1")) == (True, True)

    await coordinator.stop()
    assert (coordinator.ready, coordinator.resume("r1")) == (False, False)


async def test_leases_that_cannot_be_released_do_not_keep_it_from_its_end(backend, make, logs):
    leases = Flaky(backend.leases, release=["before"] * 3)
    coordinator = make(replace(backend, leases=leases))
    await coordinator.start()

    await coordinator.stop()

    assert len(logs.having("warning", error="no answer")) == 1
    assert coordinator.partitions == ()


async def test_it_drives_no_partition_that_it_cannot_consume(backend, make):
    events = Flaky(backend.events, consume=["ok", "before"])
    coordinator = make(replace(backend, events=events))

    with pytest.raises(Unavailable):
        await coordinator.start()
    assert coordinator.partitions == ()

    await coordinator.start()
    assert coordinator.partitions == (0, 1)


@pytest.mark.parametrize(
    ("error", "level"), [(Unavailable("away"), "warning"), (ValueError("a defect"), "error")]
)
async def test_a_sweep_that_is_cut_short_is_not_the_last(backend, make, clock, logs, error, level):
    coordinator = make(backend)
    coordinator._recovery = part = Part()
    await coordinator.start()
    await clock.advance(1.0)
    assert part.asked == 1

    part.errors.append(error)
    await clock.advance(SETTINGS.sweep)
    await clock.advance(SETTINGS.sweep)

    assert part.asked == 3
    assert [line["log_level"] for line in logs.at("warning", "error")] == [level]


@pytest.mark.parametrize(("adopts", "asked"), [(None, 1), (lambda _run: True, 0)])
async def test_who_looks_after_all_runs_looks_after_schedules(backend, make, clock, adopts, asked):
    coordinator = make(backend, adopts)
    part = Part()
    coordinator._parts = coordinator._parts._replace(schedules=part)

    await coordinator.start()
    await clock.advance(1.0)

    assert part.asked == asked


async def test_schedules_that_cannot_be_looked_after_are_reported(backend, make, clock, logs):
    coordinator = make(backend)
    part = Part(Unavailable("away"))
    coordinator._parts = coordinator._parts._replace(schedules=part)

    await coordinator.start()
    await clock.advance(1.0)

    assert len(logs.having("warning", error="away")) == 1


async def ended(backend, run):
    """A run that has ended, and whose timer is lost."""
    runs = RunStore(backend.runs)
    record = RunRecord(run, "w", "", RunStatus.COMPLETED, EMPTY, 1.0, expires=9e9)
    await runs.save(record, 0)
    await runs.index(entry_of(record))


@pytest.mark.parametrize(("adopts", "restored"), [(None, 1), (lambda _run: True, 0)])
async def test_who_drives_the_first_partition_looks_at_ended_runs_with_its_first_sweep(
    backend, make, clock, adopts, restored
):
    await ended(backend, "r1")
    await make(backend, adopts).start()
    await clock.advance(1.0)
    assert backend.timers.pending("r1", RETENTION) == 0

    await clock.advance(SETTINGS.sweep)
    assert backend.timers.pending("r1", RETENTION) == restored


async def test_who_does_not_drive_the_first_partition_leaves_ended_runs_to_who_does(
    backend, make, clock
):
    await ended(backend, "r1")
    await backend.leases.acquire("partition.0", "another", 1000)
    coordinator = make(backend)

    await coordinator.start()
    await clock.advance(3 * SETTINGS.sweep)

    assert coordinator.partitions == (1,)
    assert backend.timers.pending("r1", RETENTION) == 0


@pytest.mark.parametrize(
    ("error", "level"), [(InvalidInput("no pattern"), "warning"), (ValueError("a defect"), "error")]
)
async def test_a_round_that_is_cut_short_is_not_the_last(backend, make, clock, logs, error, level):
    await ended(backend, "r1")
    runs = Flaky(backend.runs, few=[error])
    await make(replace(backend, runs=runs)).start()
    await clock.advance(SETTINGS.sweep)
    assert [line["log_level"] for line in logs.at("warning", "error")] == [level]

    await clock.advance(ROUND)
    await clock.advance(SETTINGS.sweep)

    assert backend.timers.pending("r1", RETENTION) == 1
