"""What a decision wants is done as it says: at once, after a short delay, or over again."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from flowworker.coordinator.history import History
from flowworker.coordinator.live import LiveRun
from flowworker.coordinator.performing.closing import Closing
from flowworker.coordinator.performing.performer import Performer
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Dispatch, Finish, Save
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.state import initial
from flowworker.core.status import TERMINAL, Kind, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.errors import Unavailable
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.tracing import NO_TRACING
from tests.coordinator.support import parts_of

PLAN = plan_of(Workflow("one", (Step("a", "any"),)))
SOON = 2.0


class Hands:
    """A dispatcher that writes down what it is asked for, and fails when it is asked to."""

    def __init__(self):
        self.asked = []
        self.error = None

    async def enqueue(self, plan, state, wanted, due):
        self.asked.append(("enqueue", wanted.attempt.number, due))
        if self.error is not None:
            raise self.error

    async def restore(self, plan, state, wanted):
        self.asked.append(("restore", wanted.attempt.number, wanted.due))

    async def forget(self, plan, state):
        self.asked.append(("forget", state.record.run))


class Retention:
    """What a run's end is left to."""

    def __init__(self, hands):
        self._hands = hands

    async def finish(self, plan, state):
        self._hands.asked.append(("finish", state.record.run))


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
def performer(backend, hands, clock, metrics):
    unused: Any = None
    stores = stores_of(backend, Settings(short_delay=SOON))
    retention: Any = Retention(hands)
    parts = parts_of(stores, clock)
    return Performer(
        stores,
        hands,
        unused,
        unused,
        Closing(parts.gate, parts.child_steps, retention, NO_TRACING),
        parts.gate,
        clock,
        metrics,
    )


@pytest.fixture
def live():
    """A run whose step is to be tried for the second time."""
    record = RunRecord("r1", "one", PLAN.hash, RunStatus.RUNNING, EMPTY, 0.0)
    state = initial(PLAN, record, 0).with_step("a", attempt=Attempt(Kind.RUN, 1, 2))
    return LiveRun(PLAN, inflight(state), 0, 0.0)


def inflight(state):
    return replace(state, inflight=state.inflight.set("a", None))


def attempt(number=2, due=0.0):
    return Dispatch("a", Attempt(Kind.RUN, 1, number), 0, due=due)


async def test_what_is_due_soon_is_enqueued_when_it_is_due_and_done_then(
    performer, live, hands, clock
):
    await performer.perform(live, [attempt(due=clock.now() + SOON)])

    await clock.advance(SOON - 0.1)
    assert (hands.asked, len(live.delayed)) == ([], 1)

    await clock.advance(0.1)
    assert (hands.asked, live.delayed) == ([("enqueue", 2, 0.0)], set())


async def test_what_is_due_late_is_left_to_the_queue(performer, live, hands, clock):
    due = clock.now() + SOON + 0.1

    await performer.perform(live, [attempt(due=due)])

    assert (hands.asked, live.delayed) == ([("enqueue", 2, due)], set())


async def test_what_is_wanted_no_more_when_it_is_due_is_not_enqueued(performer, live, hands, clock):
    state = live.state
    await performer.perform(live, [attempt(due=clock.now() + SOON)])
    live.state = replace(state, inflight=state.inflight.delete("a"))
    await clock.advance(SOON)
    assert hands.asked == []

    live.state = state
    await performer.perform(live, [attempt(due=clock.now() + SOON)])
    live.state = state.with_step("a", attempt=Attempt(Kind.RUN, 1, 3))
    await clock.advance(SOON)
    assert hands.asked == []


async def test_a_delayed_dispatch_that_failed_stays_for_the_one_who_waits_for_it(
    performer, live, hands, clock
):
    hands.error = Unavailable("away")
    await performer.perform(live, [attempt(due=clock.now() + SOON)])

    await clock.advance(SOON)

    [failed] = live.delayed
    assert failed.exception() is hands.error


async def test_what_may_have_been_enqueued_before_is_restored_and_not_timed_in_process(
    performer, live, hands, clock
):
    due = clock.now() + SOON

    await performer.restore(live, [attempt(due=due)], {}, History("r1", None, []))

    assert (hands.asked, live.delayed) == ([("restore", 2, due)], set())


async def test_what_is_new_is_enqueued_and_not_looked_for(performer, live, hands):
    await performer.perform(live, [attempt()])

    assert hands.asked == [("enqueue", 2, 0.0)]


async def test_what_steps_were_given_is_let_go_of_when_their_run_has_ended(performer, live, hands):
    await performer.perform(live, [Finish()])

    assert hands.asked == [("finish", "r1"), ("forget", "r1")]


@pytest.mark.parametrize("status", [RunStatus.WAITING_HUMAN, *sorted(TERMINAL)])
async def test_runs_are_counted_when_they_end(performer, live, metrics, status):
    record = live.state.record
    live.state = replace(live.state, record=replace(record, status=status))

    await performer.perform(live, [Save(moved_from=RunStatus.RUNNING)])

    ended = metrics.runs_finished[record.workflow, status.value]._value.get()
    assert ended == (status in TERMINAL)
