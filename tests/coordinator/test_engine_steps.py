"""Steps without a handler: they wait, whatever dies meanwhile, and end once."""

from __future__ import annotations

import pytest

from flowworker.codec.keys import step_timer
from flowworker.core.ids import COORDINATOR
from flowworker.core.model import Approval, Step, Workflow
from flowworker.core.records import StepRecord
from flowworker.core.status import Kind, Outcome, RunStatus, StepStatus
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN, World
from tests.support.mortal import Life

NAP = Workflow("w", (Step("nap", sleep=60.0),))
WHOLE = [
    ("started", ""),
    ("step.started", "nap"),
    ("step.completed", "nap"),
    ("completed", ""),
]


async def record_of(world, step="nap"):
    found = await world.stores.runs.load_step(COORDINATOR, RUN, step)
    return found[0]


async def test_a_step_that_sleeps_completes_when_its_time_has_come(world):
    await world.coordinator()
    await world.start(NAP)
    record = await record_of(world)
    assert (record.outcome, record.wakes_at) == (Outcome.RUNNING, world.clock.now() + 60.0)

    await world.pass_by(59.0)
    assert (await record_of(world)).outcome is Outcome.RUNNING
    [seen] = (await world.client.status(RUN)).steps
    assert seen.until == record.wakes_at
    await world.pass_by(1.0)

    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
    assert await world.history() == WHOLE


async def test_a_timer_of_the_event_loop_that_goes_off_early_wakes_nobody(world, monkeypatch):
    sleep = world.clock.sleep
    monkeypatch.setattr(world.clock, "sleep", lambda seconds: sleep(max(seconds / 2, 1e-4)))
    await world.coordinator()
    await world.start(Workflow("w", (Step("nap", sleep=0.5),)))

    await world.pass_by(0.4)
    assert (await record_of(world)).outcome is Outcome.RUNNING
    await world.pass_by(0.2)

    record = await record_of(world)
    assert record.finished_at - record.started_at >= 0.5


async def test_what_comes_after_a_moment_begins_at_it(world):
    moment = "2001-09-09T01:48:20Z"
    first = Step("nap", until=moment)
    await world.coordinator()
    await world.start(Workflow("w", (first, Step("then", sleep=1.0, depends_on=("nap",)))))

    await world.pass_by(100.0)

    record = await record_of(world, "then")
    assert record.started_at == (await record_of(world)).finished_at == 1_000_000_100.0


async def test_a_moment_that_is_past_waits_for_nothing(world):
    await world.coordinator()

    await world.start(Workflow("w", (Step("nap", until="1999-12-31T23:59:59+01:00"),)))

    assert await world.history() == WHOLE


async def test_a_sleep_outlives_its_coordinator(world):
    # Given a step that sleeps, and no coordinator any more
    first = await world.coordinator()
    await world.start(NAP)
    await first.stop()

    # When its time passes, and another coordinator comes
    await world.pass_by(90.0)
    assert (await record_of(world)).outcome is Outcome.RUNNING
    await world.coordinator()
    await world.pass_by(1.0)

    # Then it has slept once
    assert await world.history() == WHOLE


async def test_a_timer_that_is_lost_is_set_again(world):
    await world.coordinator()
    await world.start(NAP)
    await world.backend.timers.clear(RUN, step_timer("nap"))
    assert await world.backend.steps.backlog() == {}

    await world.pass_by(40.0)
    assert await world.backend.steps.backlog() == {RUN: ["nap"]}
    await world.pass_by(20.0)

    assert await world.history() == WHOLE


async def test_a_run_that_sleeps_is_no_standstill(world):
    await world.coordinator()
    await world.start(Workflow("w", (Step("nap", sleep=600.0),)))
    rebuilt = world.rebuilt

    await world.pass_by(500.0)

    assert world.rebuilt - rebuilt <= 1


EARLIER = StepRecord(RUN, "nap", Kind.RUN, 1, 0, Outcome.FAILED, finished_at=1.0)


@pytest.mark.parametrize("past", [None, (EARLIER, 1)], ids=["nothing", "an earlier attempt"])
async def test_an_alarm_is_not_done_with_before_its_step_is_seen(world, monkeypatch, past):
    # Given a coordinator that is shown the past when the step's timer goes off
    await world.coordinator()
    await world.start(NAP)
    shown = []

    async def load_past(*address):
        monkeypatch.undo()
        shown.append(address)
        return past

    monkeypatch.setattr(world.stores.runs, "load_step", load_past)
    await world.pass_by(60.0)
    assert shown == [(COORDINATOR, RUN, "nap")]
    assert await world.backend.timers.runs(step_timer("nap")) == [RUN]

    # When the alarm comes again, before anybody looks after the run
    await world.pass_by(3.0)

    # Then the step ends
    assert [event for event in await world.history() if event in WHOLE] == WHOLE


async def test_a_timer_is_cleared_before_anything_follows_from_the_end(world, monkeypatch):
    """What follows may be the next attempt, which has set a timer of its own by then."""
    ask = Step("ask", approval=Approval("May it?", timeout=60.0))
    clear, ends = world.backend.timers.clear, []

    async def look(run, name):
        if name == step_timer("ask"):
            ends.append([event for event in await world.history() if event[1] == "ask"])
        await clear(run, name)

    await world.coordinator()
    await world.start(Workflow("w", (ask,)))
    monkeypatch.setattr(world.backend.timers, "clear", look)
    await world.client.approve(RUN)
    await settle()

    begun = {"step.started", "waiting_human", "human_decided"}
    assert [{event for event, _ in seen} for seen in ends] == [begun]
    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED


@pytest.mark.parametrize("step", [NAP.steps[0], Step("nap", steps=NAP.steps, timeout=60.0)])
async def test_a_coordinator_whose_clock_is_late_does_not_spin(world, monkeypatch, step):
    # Given timers by whose clock it is time already
    set_timer, times = world.backend.timers.set, []

    async def set_fast(run, name, at):
        times.append(at)
        await set_timer(run, name, at - 3600.0 if len(times) < 100 else at)

    monkeypatch.setattr(world.backend.timers, "set", set_fast)
    await world.coordinator()
    await world.start(Workflow("w", (step,)))

    await world.pass_by(10.0)

    assert len(times) < 30
    monkeypatch.undo()
    await world.pass_by(2.0)


async def test_two_coordinators_wake_it_once(world):
    await world.coordinator()
    await world.coordinator()
    await world.start(NAP)
    await world.backend.timers.set(RUN, step_timer("nap"), world.clock.now() + 60.0)

    await world.pass_by(60.0)
    await world.backend.timers.set(RUN, step_timer("nap"), world.clock.now())
    await settle()

    assert await world.history() == WHOLE


async def test_a_timer_of_an_earlier_run_of_that_id_wakes_nothing(world):
    await world.coordinator()
    await world.start(NAP)

    await world.backend.timers.set(RUN, step_timer("nap"), world.clock.now() - 5.0)
    await settle()

    assert (await record_of(world)).outcome is Outcome.RUNNING
    assert await world.backend.timers.runs(step_timer("nap")) == [RUN]
    await world.pass_by(1.0)  # its coordinator looks at the clock once more


@pytest.mark.parametrize("action", ["cancel", "terminate"])
async def test_a_run_that_sleeps_is_stopped_at_once(world, action):
    await world.coordinator()
    await world.start(NAP)

    await getattr(world.client, action)(RUN)
    await settle()

    view = await world.client.status(RUN)
    assert (view.status, view.steps[0].status) == (RunStatus.CANCELLED, StepStatus.CANCELLED)
    assert await world.backend.steps.backlog() == {}


async def test_a_timeout_of_the_run_ends_a_sleep(world):
    await world.coordinator()
    await world.start(Workflow("w", (Step("nap", sleep=600.0),), timeout=30.0))

    await world.pass_by(31.0)

    view = await world.client.status(RUN)
    assert (view.status, view.steps[0].status) == (RunStatus.FAILED, StepStatus.CANCELLED)


@pytest.mark.parametrize("changes", range(8))
async def test_whenever_its_coordinator_dies_each_event_is_published_once_and_in_order(changes):
    async with World() as world:
        first = await world.dying(Life(changes))
        await world.client.register(NAP)
        await world.client.start(NAP.name, run_id=RUN)
        await world.pass_by(1.0)
        await first.stop()

        await world.coordinator()
        await world.pass_by(120.0)

        assert await world.history() == WHOLE


async def test_an_end_that_was_not_published_is_published(world):
    """The coordinator died between the record of the end and its event."""
    coordinator = await world.coordinator()
    await world.start(NAP)
    await coordinator.stop()
    record, revision = await world.stores.runs.load_step(COORDINATOR, RUN, "nap")
    ended = StepRecord(
        RUN, "nap", Kind.RUN, 1, 1, Outcome.COMPLETED, started_at=record.started_at, wakes_at=1.0
    )
    await world.stores.runs.save_step(COORDINATOR, ended, revision)

    await world.pass_by(60.0)
    await world.coordinator()
    await settle()

    assert await world.history() == WHOLE


async def test_a_record_under_the_name_of_a_queue_says_nothing(world):
    """A worker can write under its own queue alone, also of steps that it never gets."""
    forged = StepRecord(RUN, "nap", Kind.RUN, 1, 1, Outcome.COMPLETED, finished_at=1.0)
    await world.stores.runs.save_step("default", forged, 0)
    await world.coordinator()

    await world.start(NAP)

    assert (await world.client.status(RUN)).steps[0].status is StepStatus.RUNNING


async def test_a_timer_of_a_run_that_is_gone_is_done_with(world):
    await world.coordinator()

    await world.backend.timers.set(RUN, step_timer("nap"), world.clock.now() - 5.0)
    await world.pass_by(90.0)

    assert await world.backend.timers.runs(step_timer("nap")) == []
