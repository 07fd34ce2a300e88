"""Defects of the worker and its claims are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.codec.json import encode
from flowworker.codec.keys import step_key
from flowworker.core import claim
from flowworker.core.status import Outcome
from flowworker.stores.runs import RunStore
from flowworker.worker import claims
from flowworker.worker.attempt import InflightAttempt
from flowworker.worker.lanes import Lanes
from flowworker.worker.reporting import Reporter
from flowworker.worker.settling import Settler
from flowworker.worker.step_records import StepRecords
from flowworker.worker.unserved import Unserved
from simulation.focus import Focus
from tests.simulation.violations import violation

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]


def test_an_acknowledgement_before_the_write(monkeypatch):
    right = Settler.settle

    async def early(self, attempt, held, ending):
        await held.delivery.ack()
        return await right(self, attempt, held, ending)

    monkeypatch.setattr(Settler, "settle", early)

    assert "acknowledged before it was told" in violation()


def test_a_claim_without_compare_and_set(monkeypatch):
    async def put(self, queue, record, revision):
        return await self._records.put(step_key(queue, record.run, record.step), encode(record))

    monkeypatch.setattr(RunStore, "save_step", put)

    assert violation()


def test_a_result_that_is_told_before_it_is_durable(monkeypatch):
    right = Settler._write

    async def early(self, attempt, held, record):
        reporter = Reporter(self._resources)
        await reporter.outcome(attempt.message, record, held.revision + 1)
        return await right(self, attempt, held, record)

    monkeypatch.setattr(Settler, "_write", early)

    assert "told before it is durable" in violation()


def test_a_takeover_while_the_lease_holds(monkeypatch):
    right = claim.judge
    monkeypatch.setattr(
        claims,
        "judge",
        lambda wanted, record, revision, now: right(wanted, record, revision, now + 60),
    )

    assert "taken while its lease held" in violation()


def test_a_slot_that_is_not_offered_again(monkeypatch):
    def forgetful(self):
        self._free += 1

    monkeypatch.setattr(Lanes, "free", forgetful)

    assert "a slot stays free" in violation()


def test_a_step_that_kills_workers_for_ever(monkeypatch):
    monkeypatch.setattr(claim, "_claim", claim.Claim)

    assert "circles for ever" in violation()


def test_a_claim_that_was_lost_and_writes_its_result(monkeypatch):
    right = StepRecords.write

    async def stubborn(self, queue, record, revision, until):
        written = await right(self, queue, record, revision, until)
        if written is None and record.outcome is Outcome.COMPLETED:
            key = step_key(queue, record.run, record.step)
            written = await self._runs._records.put(key, encode(record))
        return written

    monkeypatch.setattr(StepRecords, "write", stubborn)

    assert violation(Focus(faults=("stalled",), dawdling=True))


def test_a_handler_that_is_waited_for_though_it_ignores_its_end(monkeypatch):
    def patient(self, grace):
        if self.unfinished is not None:
            self.unfinished.cancel()

    monkeypatch.setattr(InflightAttempt, "_cancel", patient)

    assert violation(Focus(dawdling=True, regretful=True))


def test_a_run_that_is_taken_for_gone_because_it_is_not_seen_yet(monkeypatch):
    monkeypatch.setattr(claims, "may_be_unseen", lambda *_: False)

    assert violation(Focus(faults=("stale",)))


def test_a_missing_handler_that_fails_a_run(monkeypatch):
    offered = set()

    def impatient(_, message):
        is_again = message.idempotency_key in offered
        offered.add(message.idempotency_key)
        return is_again

    monkeypatch.setattr(Unserved, "is_overdue", impatient)

    assert "failed for want of a handler" in violation()
