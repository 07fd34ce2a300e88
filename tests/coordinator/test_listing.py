"""A run is listed under its status, and a wrong entry is corrected, whatever left it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import replace as replace_ports
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from flowworker.clock import SystemClock
from flowworker.codec.index import entry_of, moment_of
from flowworker.compat.opening import existing
from flowworker.compat.state import StateStore
from flowworker.coordinator.commands.entrance import Entrance
from flowworker.coordinator.driving.recovery import Recovery
from flowworker.coordinator.retention import Retention
from flowworker.core.admission import Admission, RunConcurrency, asking
from flowworker.core.limit import Strategy
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus
from flowworker.errors import Unavailable
from flowworker.settings import Settings
from flowworker.stores.definitions import DefinitionStore
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from tests.coordinator.refusing import Door
from tests.coordinator.support import make
from tests.support.faults import Flaky
from tests.support.listing import entry
from tests.support.waiting import eventually

RUN = "r1"
NOW = time.time()


@pytest.fixture
def runs(backend):
    return RunStore(backend.runs)


async def sweep(backend, times):
    """Have a coordinator look through all runs that often."""
    coordinator = make(backend, sweep=0.01, retention=1e7)
    look, looked = coordinator._recovery.sweep, []

    async def counted(*arguments, **options):
        await look(*arguments, **options)
        looked.append(arguments)

    coordinator._recovery.sweep = counted  # type: ignore[method-assign]
    await coordinator.start()
    await eventually(lambda: len(looked) >= times)
    await coordinator.stop()


async def listed(runs):
    return {str(status): found for status in RunStatus if (found := await runs.list(status))}


@pytest.mark.parametrize("workflow", ["two", "another"])
async def test_an_ended_run_that_is_listed_as_unfinished(backend, runs, monkeypatch, workflow):
    finished: Counter[str] = Counter()
    right = Retention.finish

    async def finish(self, plan, state):
        finished[state.record.run] += 1
        await right(self, plan, state)

    monkeypatch.setattr(Retention, "finish", finish)
    digest = await DefinitionStore(backend.definitions).register(Workflow("two", (Step("a", "x"),)))
    ended = RunRecord(RUN, "two", digest, RunStatus.COMPLETED, EMPTY, NOW, finished_at=NOW)
    await runs.save(ended, 0)
    await runs.index(entry(RunStatus.COMPLETED, "two", RUN, NOW))
    await runs.index(entry(RunStatus.RUNNING, workflow, RUN, NOW))

    await sweep(backend, 10)

    assert await listed(runs) == {"COMPLETED": [("two", RUN)]}
    assert 1 <= finished[RUN] <= 3


async def test_an_ended_execution_of_no_workflow_that_is_listed_as_unfinished(backend, runs):
    ended = RunRecord(RUN, "-", "", RunStatus.COMPLETED, EMPTY, NOW, finished_at=NOW)
    await runs.save(ended, 0)
    await runs.index(entry(RunStatus.RUNNING, "-", RUN, NOW))

    await sweep(backend, 6)

    assert await listed(runs) == {"COMPLETED": [("-", RUN)]}


async def test_a_run_that_moves_while_it_is_listed_anew_is_listed_where_it_moved_to(backend, runs):
    record = RunRecord(RUN, "two", "h", RunStatus.RUNNING, EMPTY, NOW)
    revision = await runs.save(record, 0)
    for status in (RunStatus.RUNNING, RunStatus.WAITING_HUMAN):
        await runs.index(entry(status, "two", RUN, NOW))
    moved = RunRecord(RUN, "two", "h", RunStatus.COMPENSATING, EMPTY, NOW)

    class Moving:
        """The whole move happens between what is read and what is removed."""

        def __getattr__(self, name):
            return getattr(backend.runs, name)

        async def keys(self, pattern):
            self.keys = backend.runs.keys  # type: ignore[method-assign]
            await runs.save(moved, revision)
            await runs.index(entry(RunStatus.COMPENSATING, "two", RUN, NOW))
            found = await backend.runs.keys(pattern)
            await runs.unindex(entry(RunStatus.RUNNING, "two", RUN, NOW))
            return found

    await RunStore(Moving()).relist(record)

    assert await listed(runs) == {"COMPENSATING": [("two", RUN)]}


@pytest.mark.parametrize("moment", [0.0, 5.0])
@pytest.mark.parametrize("call", ["keys", "put", "purge"])
async def test_who_is_cut_short_leaves_no_run_that_is_listed_nowhere(backend, runs, call, moment):
    # Given a process that knows nothing of the end of a run, nor perhaps of when it began
    old = RunRecord(RUN, "two", "h", RunStatus.RUNNING, EMPTY, NOW - moment)
    ended = RunRecord(RUN, "two", "h", RunStatus.FAILED, EMPTY, NOW, finished_at=NOW)
    await runs.save(ended, 0)
    cut, whole = 0, False
    while not whole:
        for one in (old, ended):
            await runs.unindex(entry_of(one))
        await runs.index(entry_of(ended))
        flaky = Flaky(backend.runs, **{call: ["ok"] * cut + ["before"]})

        try:
            await RunStore(flaky).relist(old)
            whole = True
        except Unavailable:
            assert await listed(runs) != {}
        cut += 1

    assert cut > 1
    assert await listed(runs) == {"FAILED": [("two", RUN)]}


async def test_a_run_that_ends_before_it_is_listed_is_left_to_recovery(backend, client):
    # Given a start that asks for a place, and is cancelled meanwhile; who followed that has died
    waits = RunConcurrency(1, "", Strategy.QUEUE)
    await client.register(Workflow("one", (Step("a", "h"),), concurrency=(waits,)))
    door = Door(backend)
    await door.take(door.message("other"))
    given = await door.end("other")
    admission = replace(asking(given.admission, door.clock.now(), 9), admitted=False)
    asks = replace(given, run=RUN, status=RunStatus.PENDING, admission=admission)
    await door.runs.save(replace(asks, status=RunStatus.CANCELLED), 0)

    await door.gate.enter(asks)

    assert [one.run for one in await door.runs.listed(RunStatus.PENDING)] == [RUN]
    await door.gate.stop()


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.CANCELLED])
async def test_a_run_that_is_listed_nowhere_is_listed(runs, status):
    record = RunRecord(RUN, "two", "h", status, EMPTY, NOW)
    await runs.save(record, 0)

    await runs.relist(record)

    assert await listed(runs) == {str(status): [("two", RUN)]}


async def test_a_start_that_was_refused_stays_where_it_is_listed_nowhere(runs, monkeypatch):
    refused = Admission((), "1-a", refused="no place")
    record = RunRecord(RUN, "two", "h", RunStatus.PENDING, EMPTY, NOW, admission=refused)
    await runs.save(record, 0)
    written: list[object] = []
    monkeypatch.setattr(runs, "index", written.append)

    await runs.relist(record)

    assert written == []  # else it stays listed, if what comes next fails


async def test_a_run_is_not_announced_before_it_is_listed(backend):
    # Else it may end while its maker tries again, listed nowhere, and nobody looks after its end
    flaky = Flaky(backend.runs, put=["before"])
    stores = stores_of(replace_ports(backend, runs=flaky), Settings())
    admitting: Any = None
    entrance = Entrance(stores, admitting, SystemClock())
    record = RunRecord(RUN, "two", "h", RunStatus.RUNNING, EMPTY, NOW)
    revision = await stores.runs.save(record, 0)

    with pytest.raises(Unavailable):
        await entrance.enter(record, revision)
    unlisted = len(await backend.events.history(RUN))
    await entrance.enter(record, revision)

    assert (unlisted, len(await backend.events.history(RUN))) == (0, 1)


async def test_who_has_known_a_run_before_it_began_lists_it_as_it_is(runs):
    early = RunRecord(RUN, "two", "h", RunStatus.PENDING, EMPTY, NOW)
    await runs.save(replace(early, status=RunStatus.RUNNING, created_at=NOW + 2.0), 0)

    await runs.relist(early)

    assert await runs.listed(RunStatus.PENDING) == []
    [one] = await runs.listed(RunStatus.RUNNING)
    assert one.moment == moment_of(NOW + 2.0)


async def test_who_has_known_a_run_before_it_was_removed_lists_it_nowhere(runs):
    await runs.relist(RunRecord(RUN, "two", "h", RunStatus.RUNNING, EMPTY, NOW))

    assert await listed(runs) == {}


async def test_what_is_in_memory_of_a_run_that_has_begun_elsewhere_lists_nothing(
    backend, runs, metrics
):
    early = RunRecord(RUN, "two", "h", RunStatus.PENDING, EMPTY, NOW, begins_at=NOW + 1.0)
    begun = replace(early, status=RunStatus.RUNNING, created_at=NOW + 2.0, begins_at=0.0)
    await runs.save(begun, 0)
    await runs.index(entry_of(begun))

    async def recover(run):
        return True

    async def backlog():
        return {}

    live = SimpleNamespace(
        state=SimpleNamespace(record=early), touched=0.0, checked=0, moves_on=lambda queued: False
    )
    scheduler: Any = SimpleNamespace(active={RUN: live}, behind=False, recover=recover)
    recovery = Recovery(
        stores_of(backend), backlog, asyncio.Semaphore(1), None, SystemClock(), metrics
    )
    await recovery.sweep({0: scheduler}, taken=True)

    assert await runs.listed(RunStatus.RUNNING) == [entry_of(begun)]


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.CANCELLED])
async def test_a_run_that_begins_or_is_stopped_while_it_is_listed_as_early(runs, status):
    early = RunRecord(RUN, "two", "h", RunStatus.PENDING, EMPTY, NOW)
    begun = RunRecord(RUN, "two", "h", status, EMPTY, NOW + 2.0)
    await runs.save(begun, 0)
    await runs.index(entry(status, "two", RUN, NOW + 2.0))

    await runs.list_early(early)

    assert await listed(runs) == {str(status): [("two", RUN)]}


async def test_a_start_that_was_refused_while_it_is_listed_as_early_is_listed_nowhere(runs):
    early = RunRecord(RUN, "two", "h", RunStatus.PENDING, EMPTY, NOW)
    await runs.list_early(early)
    assert await listed(runs) == {}

    await runs.save(replace(early, admission=Admission((), "1-a", refused="no place")), 0)
    await runs.list_early(early)
    assert await listed(runs) == {}


async def test_a_sweep_takes_a_refused_start_off_the_list(backend, runs):
    refused = Admission((), "1-a", refused="no place")
    record = RunRecord(RUN, "two", "h", RunStatus.PENDING, EMPTY, NOW, admission=refused)
    await runs.save(record, 0)
    await runs.index(entry_of(record))

    await sweep(backend, 3)

    assert await listed(runs) == {}


async def test_retention_is_restored_only_where_it_is_known(backend):
    # Given executions that were kept by hand, one of them with a time to live
    store = StateStore(existing(stores_of(backend)))
    for name in ("x", "y"):
        await store.initialize_execution(name, b"{}")
        await store.save_state(name, "", "COMPLETED")
    await store.set_ttl("y", 3600)

    # When timers are lost
    await backend.timers.clear("y", "retention")
    await sweep(backend, 3)

    assert await backend.timers.runs("retention") == ["y"]
