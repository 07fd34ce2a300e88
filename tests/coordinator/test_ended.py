"""All runs that have ended are looked at, slowly, the newest first, in rounds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowworker.codec.index import Entry, entry_of
from flowworker.coordinator.driving.ended import RATE, ROUND, EndedRuns
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus
from flowworker.errors import Unavailable
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.tasks import TaskSet
from flowworker.testing.clock import settle
from tests.support.faults import Flaky
from tests.support.listing import entry


class Rounds:
    """Of a coordinator that has the first partition, unless a test says otherwise."""

    def __init__(self, backend, clock):
        self.records = Flaky(backend.runs)
        self.runs = RunStore(backend.runs)
        self.looked: list[str] = []
        self.failures: list[Exception] = []
        self.ours = True
        self.clock = clock
        self.tasks = TaskSet()
        stores = stores_of(replace(backend, runs=self.records))
        self.ended = EndedRuns(stores, self._restore, lambda: self.ours, clock)

    async def _restore(self, runs):
        if self.failures:
            raise self.failures.pop()
        self.looked += runs

    async def list(self, *names, at=None):
        at = self.clock.now() if at is None else at
        for number, name in enumerate(names):
            await self.runs.index(entry(RunStatus.COMPLETED, "w", name, at - number))

    async def look(self, seconds):
        """What is looked at within that time from a sweep on."""
        before = len(self.looked)
        self.tasks.spawn(self.ended.look())
        await settle()
        await self.clock.advance(seconds)
        return self.looked[before:]


@pytest.fixture
async def rounds(backend, clock):
    rounds = Rounds(backend, clock)
    yield rounds
    await rounds.tasks.close()


MANY = [f"r{number:03}" for number in range(230)]


async def test_a_round_looks_at_all_that_have_ended_the_newest_first(rounds):
    await rounds.list(*MANY)
    for status in (RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.RUNNING, RunStatus.PENDING):
        await rounds.runs.index(entry(status, "w", str(status), rounds.clock.now() - 1e6))
    rounds.ended.look_anew()

    found = await rounds.look(10.0)

    assert found == [*MANY, "FAILED", "CANCELLED"]


async def test_it_takes_its_time(rounds):
    await rounds.list(*MANY)
    rounds.ended.look_anew()

    assert 0 < len(await rounds.look(1.0)) < 2 * RATE
    assert 0 < len(await rounds.look(0.5)) < RATE


async def test_a_round_begins_when_one_is_asked_for_and_after_hours(rounds):
    await rounds.list("r1")
    assert await rounds.look(1.0) == []

    rounds.ended.look_anew()
    assert await rounds.look(1.0) == ["r1"]
    assert await rounds.look(ROUND) == []

    assert await rounds.look(1.0) == ["r1"]


async def test_one_round_at_a_time_unless_it_is_to_begin_anew(rounds):
    await rounds.list(*MANY)
    rounds.ended.look_anew()
    await rounds.look(0.1)

    assert len(await rounds.look(10.0)) < len(MANY)  # the rest of the first one

    rounds.ended.look_anew()
    await rounds.look(0.1)
    rounds.ended.look_anew()
    await rounds.look(1.0)  # this ends the one that is being made
    assert await rounds.look(10.0) == MANY


async def test_who_loses_the_first_partition_leaves_the_rest_to_the_next_owner(rounds):
    await rounds.list(*MANY)
    rounds.ended.look_anew()
    before = await rounds.look(0.1)

    rounds.ours = False

    assert await rounds.look(10.0) == []
    assert 0 < len(before) < len(MANY)


@pytest.mark.parametrize("times", [1, 4])
async def test_what_has_no_answer_is_asked_for_again_and_the_round_goes_on(rounds, times):
    await rounds.list(*MANY[:120])
    await rounds.list(*MANY[120:], at=rounds.clock.now() - 1000)
    rounds.records.scripts["keys"] = ["before"]
    rounds.records.scripts["few"] = ["before"] * times
    rounds.ended.look_anew()
    await rounds.look(0.1)
    rounds.failures = [Unavailable("no answer")] * times

    await rounds.look(120.0)

    assert sorted(set(rounds.looked)) == MANY


async def test_an_ended_run_that_a_former_release_listed_is_listed_by_its_time(rounds):
    record = RunRecord("r1", "one.two", "", RunStatus.COMPLETED, EMPTY, 100.0)
    await rounds.runs.save(record, 0)
    await rounds.records.put("run.damaged", b"{")
    former = [Entry(RunStatus.COMPLETED, "one.two", "", run) for run in ("r1", "gone", "damaged")]
    active = Entry(RunStatus.RUNNING, "one.two", "", "r2")
    for each in (*former, active):
        await rounds.runs.index(each)
    rounds.ended.look_anew()

    assert await rounds.look(1.0) == ["r1"]

    assert await rounds.runs.listed(RunStatus.COMPLETED) == [former[2], entry_of(record)]
    assert await rounds.runs.listed(RunStatus.RUNNING) == [active]
