"""Anyone who is connected to a leader that was deposed sees the past, and does not act upon it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from flowworker import App, wiring
from flowworker.codec.keys import run_key
from flowworker.compat.opening import existing
from flowworker.compat.state import StateStore
from flowworker.coordinator.driving import recovery
from flowworker.core.model import Step, Workflow
from flowworker.core.status import Priority, RunStatus
from flowworker.errors import Unavailable
from flowworker.ports import StepAddress
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from simulation.stale_reads import StaleRecords
from tests.coordinator.support import coordinated
from tests.support.histories import bodies
from tests.support.logs import ANY, Containing
from tests.support.waiting import eventually

STEPS = (Step("a", "one"), Step("b", "two", depends_on=("a",)))
RUN = "r1"
ADDRESS = StepAddress("default", Priority.NORMAL, RUN, "a")
CUTS = ["before the start", "after the start"]


class Deposed:
    """Records as they were; nothing is written until the network is whole again."""

    def __init__(self, records):
        self._records = records
        self._past = None

    async def cut_off(self):
        entries = {key: await self._records.read(key) for key in await self._records.keys(">")}
        self._past = StaleRecords(entries)

    def heal(self):
        self._past = None

    async def read(self, key):
        return await self._records.read(key) if self._past is None else self._past.read(key)

    async def keys(self, pattern):
        return await self._records.keys(pattern) if self._past is None else self._past.keys(pattern)

    def __getattr__(self, name):
        if self._past is not None:
            raise Unavailable(f"{name}: no quorum")
        return getattr(self._records, name)


@pytest.fixture
async def deposed(backend):
    return Deposed(backend.runs)


async def worked(backend, seen):
    app = App()

    @app.step("one")
    def one(ctx):
        return {"n": 1}

    @app.step("two")
    def two(ctx):
        seen.append(ctx.input)

    worker = wiring.make_worker(stores_of(backend), app, Metrics(CollectorRegistry()))
    await worker.start()
    return worker


def names_a_retry(logs, **fields):
    """Waits until something could not be followed, and was put back."""
    return eventually(lambda: logs.having("warning", error=ANY, **fields))


async def has_published(backend, event_type):
    return event_type in b" ".join(await bodies(backend.events, RUN))


async def begun(backend, client, deposed, cut, **options):
    """A run whose first step is queued, by the coordinator that did it."""
    await client.register(Workflow("two", STEPS, **options))
    if cut == "before the start":
        await deposed.cut_off()
    coordinator = await coordinated(backend)
    await client.start("two", run_id=RUN)
    await eventually(lambda: backend.steps.queued(ADDRESS))
    if cut == "after the start":
        await deposed.cut_off()
    return coordinator


@pytest.mark.parametrize("cut", CUTS)
async def test_a_result_that_the_records_do_not_show_waits_until_they_do(
    backend, client, deposed, logs, cut
):
    # Given a step that was completed and reported, whose successor nobody has enqueued
    seen: list[dict[str, object]] = []
    first = await begun(backend, client, deposed, cut)
    await first.stop()
    worker = await worked(backend, seen)
    await eventually(lambda: has_published(backend, b"workflow.step.completed"))

    # When a coordinator takes over that sees the past
    second = await coordinated(replace(backend, runs=deposed))
    await names_a_retry(logs, run=RUN, id=ANY)

    # Then it enqueues nothing, until it sees the present
    assert await backend.steps.queued(ADDRESS) == []
    assert await backend.steps.queued(replace(ADDRESS, step="b")) == []
    deposed.heal()
    assert (await client.result(RUN, 5)).status == "COMPLETED"
    assert seen[0]["a"] == {"n": 1}
    await second.stop()
    await worker.drain()


async def test_a_timeout_of_a_run_that_is_not_seen_yet_is_not_lost(backend, client, deposed, logs):
    first = await begun(backend, client, deposed, CUTS[0], timeout=0.3)
    await first.stop()

    second = await coordinated(replace(backend, runs=deposed))
    await names_a_retry(logs, subject=Containing(RUN))
    assert not await has_published(backend, b"workflow.timed_out")
    deposed.heal()

    assert (await client.result(RUN, 5)).status == "FAILED"
    assert await has_published(backend, b"workflow.timed_out")
    await second.stop()


@pytest.mark.slow
@pytest.mark.parametrize("cut", CUTS)
async def test_a_retention_is_not_lost_upon_a_stale_answer(backend, client, deposed, logs, cut):
    # Given a run that has ended, and a time to live of its own that is over
    first = await begun(backend, client, deposed, cut)
    worker = await worked(backend, [])
    await client.result(RUN, 5)
    await eventually(lambda: has_published(backend, b"workflow.completed"))
    await worker.drain()
    await first.stop()
    await StateStore(existing(stores_of(backend))).set_ttl(RUN, 0.0)

    # When its timer goes off at a coordinator that sees the past
    second = await coordinated(replace(backend, runs=deposed))
    await names_a_retry(logs, subject=Containing(RUN))
    assert await has_published(backend, b"workflow.completed")
    deposed.heal()

    # Then it is removed when that sees the present
    async def is_gone():
        return await backend.runs.keys(">") == [] and not await bodies(backend.events, RUN)

    await eventually(is_gone)
    await second.stop()


@pytest.mark.slow
async def test_a_listed_run_that_is_not_found_stays_listed(backend, client, monkeypatch):
    first = await begun(backend, client, None, "never")
    await first.stop()
    await backend.runs.purge(run_key(RUN))
    looked: list[object] = []
    monkeypatch.setattr(RunStore, "load", spied(RunStore.load, looked))

    # When sweeps do not find it, then that may be the answer's fault
    second = await coordinated(backend, sweep=0.02)

    async def is_looked_for():
        return len(looked) > 3

    await eventually(is_looked_for)
    assert await RunStore(backend.runs).list(RunStatus.RUNNING) == [("two", RUN)]

    # When the answer cannot be that old any more, then it is gone
    monkeypatch.setattr(recovery, "may_be_unseen", lambda *_: False)

    async def is_unlisted():
        return await RunStore(backend.runs).list(RunStatus.RUNNING) == []

    await eventually(is_unlisted)
    await second.stop()


def spied(method, calls):
    async def spy(self, *arguments):
        calls.append(arguments)
        return await method(self, *arguments)

    return spy
