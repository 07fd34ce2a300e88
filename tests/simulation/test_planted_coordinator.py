"""Defects of the coordinator and of what it decides are found, each within few worlds."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from msgspec.structs import replace

from flowworker.coordinator.commands import addressing
from flowworker.coordinator.commands.requests import parse_start, run_of
from flowworker.coordinator.commands.starts import Starts
from flowworker.coordinator.driving import scheduler
from flowworker.coordinator.driving.recovery import Recovery
from flowworker.coordinator.history import History
from flowworker.coordinator.live import LiveRun
from flowworker.coordinator.performing import fencing, outputs, performer
from flowworker.coordinator.performing.performer import Performer
from flowworker.coordinator.steps.refusals import Refusals
from flowworker.core import claim, failure, forward, policy, stopping
from flowworker.core.attempt import Attempt
from flowworker.core.status import Kind, Outcome
from flowworker.errors import Unavailable
from flowworker.memory.events import MemoryEventLog
from simulation import world
from simulation.focus import Focus
from tests.simulation.violations import From, finds, violation

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]


def test_a_step_that_does_not_wait_for_what_it_depends_on(monkeypatch):
    def hasty(turn, steps):
        for step in turn.plan.order:
            if turn.state.steps[step].status == "PENDING":
                turn.dispatch(step, Attempt(Kind.RUN, 1, 1))
        return []

    monkeypatch.setattr(forward, "dispatch_ready", hasty)

    assert "enqueued before what it depends on" in violation()


def test_an_event_that_is_acknowledged_though_its_effects_failed(monkeypatch):
    def careless(right):
        async def perform(self, *args):
            with suppress(Unavailable):
                await right(self, *args)

        return perform

    monkeypatch.setattr(Performer, "perform", careless(Performer.perform))
    monkeypatch.setattr(Performer, "restore", careless(Performer.restore))

    assert violation()


def test_an_acknowledgement_before_step_messages_that_overlap_others(monkeypatch):
    right = Performer.perform

    async def careless(self, live, effects):
        # Alone they are waited for: only what is decided meanwhile is acknowledged early.
        if live.inflight._count > 1:
            asyncio.create_task(right(self, live, effects))  # noqa: RUF006
        else:
            await right(self, live, effects)

    monkeypatch.setattr(Performer, "perform", careless)

    assert "acknowledged before what follows" in violation(Focus(("far", "slow"), shape="pairs"))


def test_a_fence_that_does_not_wait_for_the_lease(monkeypatch):
    right = claim.judge_fence
    monkeypatch.setattr(
        fencing,
        "judge_fence",
        lambda run, wanted, record, revision, now: right(run, wanted, record, revision, now + 60),
    )

    assert "revoked while its lease held" in violation()


def test_a_fence_that_ends_a_compensation(monkeypatch):
    right = claim.judge_fence

    def blind(run, wanted, record, revision, now):
        found = right(run, wanted, record, revision, now)
        if isinstance(found, claim.Drop):
            ended = replace(record, outcome=Outcome.CANCELLED, lease_until=0.0, finished_at=now)
            return claim.Revoke(ended, revision)
        return found

    monkeypatch.setattr(fencing, "judge_fence", blind)

    assert violation(From(110, Focus(faults=("early", "late"), regretful=True)))


def test_compensations_in_the_order_of_completion(monkeypatch):
    right = stopping.compensations
    monkeypatch.setattr(stopping, "compensations", lambda *args: right(*args)[::-1])

    assert "compensations out of order" in violation()


def test_an_end_that_overtakes_its_cause(monkeypatch):
    right = Performer._emitted

    async def backwards(*args):
        return (await right(*args))[::-1]

    monkeypatch.setattr(Performer, "_emitted", backwards)

    # Published before, or something after it
    assert finds("the end | the step that ended the run is not named")


def test_a_view_that_is_trusted_though_others_see_events(monkeypatch):
    right = scheduler.Scheduler._on_delivery

    def trusting(self, delivery):
        self._order = delivery.order - 1
        right(self, delivery)

    monkeypatch.setattr(scheduler.Scheduler, "_on_delivery", trusting)

    assert violation(Focus(faults=("deluded", "stalled")))


def test_a_dispatch_that_is_kept_in_memory_alone(monkeypatch):
    right = Performer._dispatch_later

    def forgotten(self, live, effect):
        right(self, live, effect)
        live.delayed.clear()

    monkeypatch.setattr(performer.Performer, "_dispatch_later", forgotten)

    assert finds("nothing moves the run on | nothing moves a schedule on")


def test_stale_records_that_are_believed_though_more_was_reported(monkeypatch):
    monkeypatch.setattr(History, "is_ahead", lambda *_, **__: False)

    assert violation(Focus(faults=("stale", "killed"), shape="chain"))


def test_a_command_that_is_refused_because_its_run_is_not_there_yet(monkeypatch):
    monkeypatch.setattr(addressing, "may_be_unseen", lambda *_: False)

    found = violation(Focus(faults=("slow", "late"), regretful=True))
    assert "a command to a run that" in found
    assert "was refused" in found


def test_an_attempt_that_is_refused_for_ever(monkeypatch):
    async def again(self, plan, state, wanted, why):
        raise why

    monkeypatch.setattr(Refusals, "refuse", again)
    monkeypatch.setattr(world, "REST_LIMIT", 100.0)

    assert finds(
        "after 100 s | a wait ended long after its time", Focus(quiet=True, constructs=True)
    )


def test_a_message_that_names_too_few_of_the_outputs_before(monkeypatch):
    monkeypatch.setattr(outputs._Chain, "depth", lambda *_: 1)

    assert "a step got what nobody put out" in violation(
        Focus(faults=("late",), shape="chain", cramped=True)
    )


def test_a_start_that_is_refused_before_its_run_is_looked_up(monkeypatch):
    right = Starts.take

    async def hasty(self, workflow, delivery):
        start = parse_start(workflow, run_of(delivery), delivery, self._reply_prefixes)
        await self._new(start, delivery)
        await right(self, workflow, delivery)

    monkeypatch.setattr(Starts, "take", hasty)

    assert finds(
        "a run that has a record was refused | a start was refused that may"
        " | a rejection behind the end | coordinator.input."  # of the start that was refused
        " | a start is refused otherwise than was decided",
        Focus(faults=("ack_lost", "unanswered", "early"), tightened=True),
    )


def test_a_request_behind_the_end(monkeypatch):
    async def blind(self, *event, **options):
        await self.publish(*event, **options)
        return True

    monkeypatch.setattr(MemoryEventLog, "publish_before_end", blind)

    worlds = From(10, Focus(faults=("slow", "late"), regretful=True))
    assert "published after the end" in violation(worlds)


def test_runs_that_wait_for_a_worker_and_are_rebuilt_en_masse(monkeypatch):
    monkeypatch.setattr(LiveRun, "moves_on", lambda *_: False)

    assert "a run that waits for a worker was rebuilt" in violation(Focus(backlog=True))


def test_runs_that_wait_unseen_and_are_rebuilt_en_masse(monkeypatch):
    right = Recovery._sorted

    async def blind(self, schedulers, now):
        stuck, waiting = await right(self, schedulers, now)
        unseen = [one for one in waiting if one.live is None]
        return stuck + unseen, [one for one in waiting if one.live is not None]

    monkeypatch.setattr(Recovery, "_sorted", blind)

    assert "a run that waits for a worker was rebuilt" in violation(Focus(backlog=True))


def test_a_run_whose_message_is_lost_and_that_nobody_looks_after(monkeypatch):
    monkeypatch.setattr(Recovery, "_is_due", lambda *_, **__: False)
    monkeypatch.setattr(world, "REST_LIMIT", 200.0)

    assert "after 200 s" in violation(Focus(faults=("gone",)))


def test_a_wait_that_a_handler_asked_for_and_does_not_get(monkeypatch):
    right = policy.follow_up

    def hasty(step, failed, seed):
        unasked = replace(failed.error, retry_after=None)
        return right(step, replace(failed, error=unasked), seed)

    monkeypatch.setattr(failure, "follow_up", hasty)

    assert "tried again before its time" in violation(From(4))
