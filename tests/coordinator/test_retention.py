"""What is left to do at the end of a run: its result, what is queued of it, how long it is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from msgspec.structs import replace as with_fields

from flowworker.codec.index import entry_of
from flowworker.codec.keys import RETENTION, TIMEOUT
from flowworker.coordinator.retention import Retention
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.state import initial
from flowworker.core.status import Priority, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.errors import InvalidInput, Unavailable
from flowworker.ports import StepAddress
from flowworker.settings import Settings
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.testing import ManualClock
from tests.support.faults import Flaky
from tests.support.tails import Unflushed

RUN = "r1"
FLOW = Workflow("one", (Step("a", "any"),), timeout=600.0, retention=1000.0)
PLAN = plan_of(FLOW)
ENDED = RunRecord(
    RUN, "one", PLAN.hash, RunStatus.COMPLETED, EMPTY, 100.0, finished_at=200.0, reply_to=""
)
ADDRESS = StepAddress("default", Priority.NORMAL, RUN, "a")


@dataclass
class Scene:
    """Retention of which all that it sends and sets is noted."""

    retention: Retention
    runs: RunStore
    records: Flaky
    notifier: Flaky
    timers: Flaky
    backend: Any

    async def finish(self, record: RunRecord, workflow: Workflow = FLOW) -> None:
        plan = plan_of(workflow)
        await self.retention.finish(plan, initial(plan, record, 1))

    async def ended(self, record: RunRecord) -> None:
        await self.runs.save(record, 0)
        await self.runs.index(entry_of(record))

    def set(self) -> list[tuple[str, str, float]]:
        return [args for name, args in self.timers.calls if name == "set"]

    def cleared(self) -> list[tuple[str, str]]:
        return [args for name, args in self.timers.calls if name == "clear"]


@pytest.fixture
def scene(backend):
    records, notifier = Flaky(backend.runs), Flaky(backend.notifier)
    timers = Flaky(backend.timers)
    retention = Retention(
        stores_of(replace(backend, runs=records, notifier=notifier, timers=timers)), ManualClock()
    )
    return Scene(retention, RunStore(backend.runs), records, notifier, timers, backend)


async def test_one_who_asked_for_the_result_gets_it_and_nobody_else(scene):
    await scene.finish(ENDED)
    assert scene.notifier.calls == []

    await scene.finish(with_fields(ENDED, reply_to="_INBOX.me"))

    [(_, (subject, result))] = scene.notifier.calls
    assert subject == "_INBOX.me"
    assert b'"status":"COMPLETED"' in result


async def test_a_result_that_cannot_be_sent_is_no_obstacle(scene):
    scene.notifier.scripts["publish"] = [InvalidInput("no subject")]

    await scene.finish(with_fields(ENDED, reply_to="_INBOX.me"))

    assert scene.set() == [(RUN, RETENTION, 1200.0)]


@pytest.mark.parametrize(
    ("timeout", "cleared"), [(600.0, [(RUN, TIMEOUT)]), (None, [])], ids=["timed", "untimed"]
)
async def test_a_timeout_that_was_set_is_cleared(scene, timeout, cleared):
    await scene.finish(ENDED, with_fields(FLOW, timeout=timeout))

    assert scene.cleared() == cleared


@pytest.mark.parametrize(
    ("status", "left"), [(RunStatus.COMPLETED, 1), (RunStatus.CANCELLED, 0), (RunStatus.FAILED, 0)]
)
async def test_what_is_queued_of_a_run_that_was_cut_short_is_dropped(scene, status, left):
    await scene.backend.steps.enqueue(ADDRESS, b"{}", "m1")

    await scene.finish(with_fields(ENDED, status=status))

    assert len(await scene.backend.steps.queued(ADDRESS)) == left


@pytest.mark.parametrize(
    ("record", "timer", "expected"),
    [
        (ENDED, RETENTION, 1200.0),
        (with_fields(ENDED, expires=5000.0), RETENTION, 5000.0),
        (with_fields(ENDED, expires=5000.0), TIMEOUT, 700.0),
        (with_fields(ENDED, status=RunStatus.RUNNING), RETENTION, None),
        (with_fields(ENDED, status=RunStatus.RUNNING, expires=5000.0), RETENTION, None),
        (with_fields(ENDED, status=RunStatus.RUNNING), TIMEOUT, 700.0),
        (with_fields(ENDED, definition="gone"), TIMEOUT, None),
        (with_fields(ENDED, definition=""), RETENTION, 200.0 + Settings().retention),
    ],
)
async def test_when_a_timer_is_due(scene, client, record, timer, expected):
    await client.register(FLOW)

    assert await scene.retention.due(record, timer) == expected


async def test_a_run_that_says_how_long_it_is_kept_is_kept_so_long(scene):
    await scene.finish(with_fields(ENDED, expires=5000.0))

    assert scene.set() == [(RUN, RETENTION, 5000.0)]


async def test_ended_runs_that_have_lost_their_timers_get_them_again(scene, client):
    # Given one whose record says how long it is kept, one whose workflow says it,
    # a checkpoint of which nothing says it, one that has its timer, and one whose record is gone
    await client.register(FLOW)
    await scene.ended(with_fields(ENDED, run="reported", definition="", expires=5000.0))
    await scene.ended(with_fields(ENDED, run="usual"))
    await scene.ended(with_fields(ENDED, run="checkpoint", definition=""))
    await scene.ended(with_fields(ENDED, run="timed"))
    await scene.backend.timers.set("timed", RETENTION, 9e9)

    await scene.retention.restore(["reported", "usual", "checkpoint", "timed", "gone"])

    assert sorted(scene.set()) == [("reported", RETENTION, 5000.0), ("usual", RETENTION, 1200.0)]


async def test_an_ended_run_that_was_resumed_meanwhile_gets_no_timer(scene, client):
    await client.register(FLOW)
    await scene.runs.save(with_fields(ENDED, status=RunStatus.RUNNING), 0)

    await scene.retention.restore([RUN])

    assert scene.set() == []


async def test_a_run_that_cannot_be_read_keeps_no_other_without_its_timer(scene, client):
    await client.register(FLOW)
    await scene.ended(with_fields(ENDED, run="first"))
    await scene.ended(with_fields(ENDED, run="second"))
    scene.records.scripts["read"] = [Unavailable("no answer")]

    with pytest.raises(Unavailable, match="the retention of 1 finished runs"):
        await scene.retention.restore(["first", "second"])

    assert [timer for _, timer, _ in scene.set()] == [RETENTION]


async def test_where_the_power_may_fail_a_run_is_kept_until_its_messages_are_flushed(backend):
    # Else a step message whose removal was lost would find no record that refuses it
    backend = Unflushed(replace(backend, timers=Flaky(backend.timers)), 300.0).backend
    retention = Retention(stores_of(backend), ManualClock())
    brief, long = (plan_of(with_fields(FLOW, retention=kept)) for kept in (1.0, 1000.0))

    for plan in (brief, long):
        await retention.finish(plan, initial(plan, ENDED, 1))

    timers: Any = backend.timers
    assert [at for name, (*_, at) in timers.calls if name == "set"] == [500.0, 1200.0]


async def test_where_removals_may_be_lost_a_history_is_removed_first_and_the_rest_later(backend):
    # Else another run of that id would find the history of the one before
    clock = ManualClock()
    backend = Unflushed(replace(backend, timers=Flaky(backend.timers)), 300.0).backend
    stores = stores_of(backend)
    retention, until = Retention(stores, clock), clock.now() + 300.0
    revision = await stores.runs.save(ENDED, 0)
    await backend.events.publish(RUN, "workflow.started", b"{}", "e1")

    assert await retention.forgets_first(ENDED, revision)

    assert await backend.events.history(RUN) == []
    assert backend.timers.calls[-1] == ("set", (RUN, RETENTION, until))
    found = await stores.runs.load(RUN)
    assert found is not None
    record, revision = found
    assert await retention.due(record, RETENTION) == until  # for who has the former alarm, too
    assert not await retention.forgets_first(record, revision)


async def test_elsewhere_a_run_is_removed_at_once(backend):
    stores = stores_of(backend)
    revision = await stores.runs.save(ENDED, 0)
    await backend.events.publish(RUN, "workflow.started", b"{}", "e1")

    assert not await Retention(stores, ManualClock()).forgets_first(ENDED, revision)
