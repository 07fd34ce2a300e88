"""A run in memory is believed only as long as all that it says was done."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from flowworker.codec.cloudevents import EventData, cloud_event, run_started_event
from flowworker.codec.senders import Published
from flowworker.coordinator.driving.active import ActiveRuns
from flowworker.coordinator.live import LiveRun
from flowworker.core.admission import Admission
from flowworker.core.attempt import Attempt
from flowworker.core.event_types import EventType
from flowworker.core.facts import CancelRequested, RunStarted
from flowworker.core.ids import COORDINATOR
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord, Stop, StopReason
from flowworker.core.state import initial
from flowworker.core.status import Kind, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.errors import Conflict, Unavailable
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from tests.coordinator.support import shared_of
from tests.support.backends import memory

FLOW = Workflow("two", (Step("a", "any"), Step("b", "any", depends_on=("a",))))
RUN = "r1"
RECORD = RunRecord(RUN, "two", plan_of(FLOW).hash, RunStatus.RUNNING, EMPTY, 0.0)
FIRST = Attempt(Kind.RUN, 1, 1)


class Hands:
    """Effects that fail when they are asked to."""

    def __init__(self):
        self.error: BaseException | None = None
        self.restored = 0

    async def perform(self, live, commands):
        if self.error is not None:
            raise self.error

    async def restore(self, live, commands, steps, history, lost):
        self.restored += 1
        await self.perform(live, commands)


def said(event, sender=COORDINATOR, stored=0.0):
    return Published(sender, event, stored)


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
async def stores():
    async with memory(partitions=1) as backend:
        stores = stores_of(backend)
        await stores.definitions.register(FLOW)
        yield stores


@pytest.fixture
async def runs(hands, stores):
    revision = await stores.runs.save(RECORD, 0)
    metrics = Metrics(CollectorRegistry())
    runs = ActiveRuns(
        stores,
        shared_of(stores, hands),
        lambda: 10,
        lambda run: False,
        ManualClock(),
        metrics,
    )
    event = run_started_event("ns", RECORD, revision)
    live = await runs.view(RUN, said(event), generation=0, redelivered=False)
    assert live is not None
    await runs.follow(live, RunStarted())
    hands.restored = 0
    return runs


@pytest.mark.parametrize(
    "error", [Unavailable("away"), Conflict("late"), asyncio.CancelledError(), ValueError("defect")]
)
async def test_a_run_whose_effects_failed_is_forgotten(runs, hands, error):
    live = runs.get(RUN)
    hands.error = error

    with pytest.raises(type(error)):
        await runs.follow(live, CancelRequested("why"))
    assert runs.get(RUN) is None

    with pytest.raises(type(error)):
        await runs.rebuild(RUN)
    assert len(runs) == 0

    hands.error = None
    assert (await runs.rebuild(RUN)).state.record.stop is None
    assert len(runs) == 1


async def test_a_run_that_is_gone_is_not_loaded(runs):
    assert await runs.rebuild("gone") is None


async def test_of_whom_an_event_comes_at_once_is_not_taken_for_gone_yet(runs):
    # Given an event that no record bears out, and that says of itself whatever it likes
    now, data = ManualClock().now(), EventData("new", step_id="a")
    event = cloud_event("ns", EventType.STEP_COMPLETED, data, now + 1e9)

    # Then what was read may be older than its run
    with pytest.raises(Unavailable, match="what was read of run new is stale"):
        await runs.rebuild("new", cause=said(event, "default", now - 59.0))

    # Unless it is in the stream for so long that there is none
    assert await runs.rebuild("new", cause=said(event, "default", now - 61.0)) is None


async def test_an_answer_may_be_older_than_the_run_that_has_the_id_now(runs, stores):
    # Given a start that was refused, as an old answer shows it, and a pause of the next one
    now = ManualClock().now()
    refused = replace(RECORD, run="r2", origin="4@8.0", admission=Admission((), refused="full"))
    await stores.runs.save(refused, 0)
    data = EventData("r2", at=now, origin="5@9.0")
    event = cloud_event("ns", EventType.PAUSED, data, now, "7")

    # Then the pause is not taken for one of what is refused
    with pytest.raises(Unavailable, match="what was read of run r2 is stale"):
        await runs.rebuild("r2", cause=said(event))


@pytest.mark.parametrize(
    ("event_type", "revision", "redelivered", "restored"),
    [
        (EventType.STARTED, 1, False, 0),
        (EventType.STARTED, 1, True, 1),
        (EventType.STARTED, 0, False, 1),
        (EventType.CANCEL_REQUESTED, 1, False, 1),
    ],
)
async def test_a_run_begins_with_its_start_alone_and_that_only_once(
    runs, hands, event_type, revision, redelivered, restored
):
    runs.forget(runs.get(RUN))
    data = EventData(RUN, "two", definition=plan_of(FLOW).hash, revision=revision)

    event = cloud_event("ns", event_type, data, 0.0)
    live = await runs.view(RUN, said(event), generation=0, redelivered=redelivered)

    assert live is runs.get(RUN)
    assert hands.restored == restored


async def test_what_others_may_have_seen_is_rebuilt_once(runs, hands):
    live, event = runs.get(RUN), cloud_event("ns", EventType.TIMED_OUT, EventData(RUN), 0.0)
    assert await runs.view(RUN, said(event), generation=0, redelivered=True) is live

    runs.generation = 1
    again = await runs.view(RUN, said(event), generation=1, redelivered=True)

    assert again is not live
    assert await runs.view(RUN, said(event), generation=1, redelivered=True) is again
    assert hands.restored == 1


async def test_a_run_whose_list_entry_cannot_be_written_is_not_held(runs, monkeypatch):
    async def fail(self, record):
        raise Unavailable("no answer")

    monkeypatch.setattr(RunStore, "relist", fail)

    with pytest.raises(Unavailable, match="no answer"):
        await runs.rebuild(RUN)

    assert runs.get(RUN) is None


async def test_a_view_is_that_of_when_its_event_came(runs, hands):
    runs.forget(runs.get(RUN))
    runs.generation = 1
    data = EventData(RUN, "two", definition=plan_of(FLOW).hash, revision=1)
    event = cloud_event("ns", EventType.STARTED, data, 0.0)

    live = await runs.view(RUN, said(event), generation=0, redelivered=False)

    assert live.generation == 0
    assert await runs.view(RUN, said(event), generation=0, redelivered=False) is not live
    assert hands.restored == 1


async def test_nothing_passes_what_is_more_than_step_messages(runs):
    passed = []

    assert await runs.follow(runs.get(RUN), CancelRequested("why"), lambda: passed.append(1))

    assert passed == []


def held(*, stopped=False, inflight=()):
    """A run in memory as its coordinator has it."""
    plan = plan_of(FLOW)
    stop = Stop(StopReason.CANCELLED) if stopped else None
    record = RunRecord(RUN, "two", plan.hash, RunStatus.RUNNING, EMPTY, 0.0, stop=stop)
    state = initial(plan, record, 1)
    for step in inflight:
        state = replace(state, inflight=state.inflight.set(step, None))
    return LiveRun(plan, state, 0, 0.0)


def test_step_messages_that_are_being_enqueued_move_a_run_on():
    live = held()
    with live.inflight:
        assert live.moves_on(())
    assert not live.moves_on(())


async def test_a_delayed_dispatch_moves_a_run_on_until_it_is_done():
    live, due = held(), asyncio.Event()
    task = asyncio.create_task(due.wait())
    live.delayed.add(task)
    assert live.moves_on(())

    due.set()
    await task

    assert not live.moves_on(())


def test_a_message_moves_a_run_on_unless_its_step_is_fenced():
    assert held(inflight=["a"]).moves_on(["a"])
    assert not held(inflight=["a"]).moves_on(["b"])
    assert not held(inflight=["a"], stopped=True).moves_on(["a"])
