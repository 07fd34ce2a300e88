"""Defects that somebody might make are found, each within few worlds.

Where a defect shows in rare worlds only, those that are looked at are drawn such that it shows in
many: which ones, of those, does not matter then.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from msgspec.structs import replace

from flowworker.codec.history import Told
from flowworker.codec.json import encode
from flowworker.codec.keys import step_key
from flowworker.coordinator import controls, effects, fencing, outputs, scheduler
from flowworker.coordinator.effects import Effects
from flowworker.coordinator.refusals import Refusals
from flowworker.coordinator.starts import Starts, parse_start, run_of
from flowworker.core import claim, forward, saga, stopping
from flowworker.core.status import Kind, Outcome
from flowworker.errors import Unavailable
from flowworker.memory.events import MemoryEventLog
from flowworker.stores.runs import RunStore
from flowworker.testing.simulation import world
from flowworker.testing.simulation.campaign import live
from flowworker.testing.simulation.focus import ANYTHING, Focus
from flowworker.worker import claims, execute, settle
from flowworker.worker.attempt import Attempt
from flowworker.worker.claims import Claims
from flowworker.worker.lanes import Lanes
from flowworker.worker.unserved import Unserved

WORLDS = 100

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("uncovered")]


def violation(focus: Focus = ANYTHING) -> str:
    """What is found first."""
    tally = live(range(WORLDS), focus=focus)
    assert tally.failed, f"nothing was found in {WORLDS} worlds"
    return tally.failed[0].violations[0]


def test_an_acknowledgement_before_the_write(monkeypatch):
    right = settle.settle

    async def early(bench, attempt, delivery, *rest):
        await delivery.ack()
        await right(bench, attempt, delivery, *rest)

    monkeypatch.setattr(execute, "settle", early)

    assert "acknowledged before it was told" in violation()


def test_a_claim_without_compare_and_set(monkeypatch):
    async def put(self, queue, record, revision):
        return await self._records.put(step_key(queue, record.run, record.step), encode(record))

    monkeypatch.setattr(RunStore, "save_step", put)

    assert violation()


def test_a_step_that_does_not_wait_for_what_it_depends_on(monkeypatch):
    def hasty(turn, steps):
        for step in turn.plan.order:
            if turn.state.steps[step].status == "PENDING":
                turn.dispatch(step, Kind.RUN, 1, 1)

    monkeypatch.setattr(forward, "dispatch_ready", hasty)

    assert "enqueued before what it depends on" in violation()


def test_an_event_that_is_acknowledged_though_its_effects_failed(monkeypatch):
    right = Effects.perform

    async def careless(self, *args, **options):
        with suppress(Unavailable):
            await right(self, *args, **options)

    monkeypatch.setattr(Effects, "perform", careless)

    assert violation()


def test_an_acknowledgement_before_step_messages_that_overlap_others(monkeypatch):
    right = Effects.perform

    async def careless(self, active, commands, **options):
        # Alone they are waited for: only what is decided meanwhile is acknowledged early.
        if active.under_way._count > 1:
            asyncio.create_task(right(self, active, commands, **options))  # noqa: RUF006
        else:
            await right(self, active, commands, **options)

    monkeypatch.setattr(Effects, "perform", careless)

    assert "acknowledged before what follows" in violation(Focus(("far", "slow"), shape="pairs"))


def test_a_result_that_is_told_before_it_is_durable(monkeypatch):
    right = settle._write

    async def early(bench, message, held, record):
        await bench.claims.tell(message, record, held.revision + 1)
        return await right(bench, message, held, record)

    monkeypatch.setattr(settle, "_write", early)

    assert "told before it is durable" in violation()


def test_a_takeover_while_the_lease_holds(monkeypatch):
    right = claim.judge
    monkeypatch.setattr(
        claims,
        "judge",
        lambda wanted, record, revision, now: right(wanted, record, revision, now + 60),
    )

    assert "taken while its lease held" in violation()


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

    assert violation(Focus(faults=("early", "late"), regretful=True))


def test_a_slot_that_is_not_offered_again(monkeypatch):
    def forgetful(self):
        self._free += 1

    monkeypatch.setattr(Lanes, "free", forgetful)

    assert "a slot stays free" in violation()


def test_a_step_that_kills_workers_for_ever(monkeypatch):
    monkeypatch.setattr(claim, "_claim", claim.Claim)

    assert "circles for ever" in violation()


def test_compensations_in_the_order_of_completion(monkeypatch):
    right = saga.compensations
    monkeypatch.setattr(stopping, "compensations", lambda *args: right(*args)[::-1])

    assert "compensations out of order" in violation()


def test_a_claim_that_was_lost_and_writes_its_result(monkeypatch):
    right = Claims.write

    async def stubborn(self, queue, record, revision, until):
        written = await right(self, queue, record, revision, until)
        if written is None and record.outcome is Outcome.COMPLETED:
            key = step_key(queue, record.run, record.step)
            written = await self._runs._records.put(key, encode(record))
        return written

    monkeypatch.setattr(Claims, "write", stubborn)

    assert violation(Focus(faults=("stalled",), dawdling=True))


def test_a_handler_that_is_waited_for_though_it_ignores_its_end(monkeypatch):
    def patient(self, grace):
        if self.unfinished is not None:
            self.unfinished.cancel()

    monkeypatch.setattr(Attempt, "_cancel", patient)

    assert violation(Focus(dawdling=True, regretful=True))


def test_an_end_that_overtakes_its_cause(monkeypatch):
    right = Effects._emit

    async def hurried(self, active, emits, told):
        await right(self, active, emits[::-1], told)

    monkeypatch.setattr(Effects, "_emit", hurried)

    assert "told after the end" in violation()


def test_a_view_that_is_trusted_though_others_see_events(monkeypatch):
    right = scheduler.Scheduler._on_delivery

    def trusting(self, delivery):
        self._order = delivery.order - 1
        right(self, delivery)

    monkeypatch.setattr(scheduler.Scheduler, "_on_delivery", trusting)

    assert violation(Focus(faults=("deluded", "stalled")))


def test_a_dispatch_that_is_kept_in_memory_alone(monkeypatch):
    right = Effects._dispatch_later

    def forgotten(self, active, command):
        right(self, active, command)
        active.delayed.clear()

    monkeypatch.setattr(effects.Effects, "_dispatch_later", forgotten)

    assert "nothing moves the run on" in violation()


def test_outdated_records_that_are_believed_though_more_was_told(monkeypatch):
    monkeypatch.setattr(Told, "is_ahead", lambda *_, **__: False)

    assert violation(Focus(faults=("outdated", "deluded")))


def test_a_run_that_is_taken_for_gone_because_it_is_not_seen_yet(monkeypatch):
    monkeypatch.setattr(claims, "may_be_unseen", lambda *_: False)

    assert violation(Focus(faults=("outdated",)))


def test_a_command_that_is_refused_because_its_run_is_not_there_yet(monkeypatch):
    monkeypatch.setattr(controls, "may_be_unseen", lambda *_: False)

    found = violation(Focus(faults=("slow", "late"), regretful=True))
    assert "a command to a run that" in found
    assert "was refused" in found


def test_an_attempt_that_is_refused_for_ever(monkeypatch):
    async def again(self, plan, state, wanted, why):
        raise why

    monkeypatch.setattr(Refusals, "refuse", again)
    monkeypatch.setattr(world, "PATIENCE", 100.0)

    assert "after 100 s" in violation()


def test_a_missing_handler_that_fails_a_run(monkeypatch):
    async def impatient(self, delivery, message):
        return delivery.delivered == 1 and await unserved(self, delivery, message)

    unserved = Unserved.put_back
    monkeypatch.setattr(Unserved, "put_back", impatient)

    assert "failed for want of a handler" in violation()


def test_a_message_that_names_too_few_of_the_outputs_before(monkeypatch):
    monkeypatch.setattr(outputs._Chain, "depth", lambda *_: 1)

    assert "a step got what nobody put out" in violation(
        Focus(faults=("late",), shape="chain", cramped=True)
    )


def test_a_start_that_is_refused_before_its_run_is_looked_up(monkeypatch):
    right = Starts.take

    async def hasty(self, workflow, delivery):
        await self._new(parse_start(workflow, run_of(delivery), delivery, self._reply_prefixes))
        await right(self, workflow, delivery)

    monkeypatch.setattr(Starts, "take", hasty)

    found = violation(Focus(faults=("ack_lost", "unanswered", "early"), tightened=True))
    assert "a run that has a record was refused" in found or "a start was refused that may" in found


def test_a_request_behind_the_end(monkeypatch):
    async def blind(self, *event, **options):
        await self.publish(*event, **options)
        return True

    monkeypatch.setattr(MemoryEventLog, "publish_before_end", blind)

    assert "told after the end" in violation(Focus(faults=("slow", "late"), regretful=True))
