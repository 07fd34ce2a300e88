"""Defects of the worker and its claims are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.codec.json import encode
from flowworker.codec.keys import step_key
from flowworker.core import claim
from flowworker.core.status import Outcome
from flowworker.stores.runs import RunStore
from flowworker.worker import claims, settling
from flowworker.worker.attempt import InflightAttempt
from flowworker.worker.executor import Executor
from flowworker.worker.lanes import Lanes
from flowworker.worker.reporting import Reporter
from flowworker.worker.settling import Settler
from flowworker.worker.step_records import StepRecords
from flowworker.worker.unserved import Unserved
from simulation.focus import ANYTHING, Focus
from tests.simulation.violations import finds, plant, violation

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

STUBBORN = Focus(quiet=True, dawdling=True, regretful=True)


def test_an_acknowledgement_before_the_write(monkeypatch):
    right = Settler.settle

    async def early(self, attempt, held, ending):
        await held.delivery.ack()
        return await right(self, attempt, held, ending)

    monkeypatch.setattr(Settler, "settle", early)

    assert "acknowledged before it was published" in violation()


def test_a_claim_without_compare_and_set(monkeypatch):
    async def put(self, queue, record, revision):
        return await self._records.put(step_key(queue, record.run, record.step), encode(record))

    monkeypatch.setattr(RunStore, "save_step", put)

    assert violation()


def test_a_result_that_is_reported_before_it_is_durable(monkeypatch):
    right = Settler._write

    async def early(self, attempt, held, record):
        reporter = Reporter(self._resources)
        await reporter.outcome(attempt.message, record, held.revision + 1)
        return await right(self, attempt, held, record)

    monkeypatch.setattr(Settler, "_write", early)

    assert "published before it is durable" in violation()


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


@pytest.mark.parametrize(
    ("function", "right", "wrong", "found", "focus"),
    [
        pytest.param(
            claim._same_attempt,
            "record.lost + died",
            "record.lost",
            "lost workers are miscounted",
            ANYTHING,
            id="a lost worker that is not counted",
        ),
        pytest.param(
            claim._claim,
            "lost >= MAX_LOST",
            "lost >= MAX_LOST - 1",
            "given up too early or too late",
            ANYTHING,
            id="an attempt that is given up too early",
        ),
        pytest.param(
            claim._same_attempt,
            "return Repair(record, revision)",
            "return Claim(revision, record.lost)",
            "a settled attempt was written again",
            ANYTHING,
            id="an attempt that is made again though it ended",
        ),
        pytest.param(
            settling._ended,
            '"lease_until": 0.0, ',
            "",
            "a settled attempt that has a lease",
            ANYTHING,
            id="a claim that is held beyond its end",
        ),
        pytest.param(
            Executor._perform,
            "await self._reporter.outcome(message, record, revision)",
            "pass",
            "acknowledged before it was published",
            ANYTHING,
            id="an outcome that is not published",
        ),
        pytest.param(
            Executor._finish_unclaimed,
            "await delivery.ack()\n            self._resources.tracing",
            "self._resources.tracing",
            "a message comes again that is of no use",
            STUBBORN,
            id="a message that is of no use and not acknowledged",
        ),
        pytest.param(
            StepRecords.write,
            "if _same(found[0], record):",
            "if True:",
            "a settled attempt was written again | a result of somebody who does not hold"
            " | published before it is durable | lost workers are miscounted",
            ANYTHING,
            id="a claim of another that is taken for its own",
        ),
    ],
)
def test_one_wrong_expression(monkeypatch, function, right, wrong, found, focus):
    plant(monkeypatch, function, right, wrong)

    assert finds(found, focus)
