"""What must hold for an attempt of a step of which an attempt is over."""

from __future__ import annotations

__all__ = ["check_next"]

from typing import TYPE_CHECKING

from flowworker.core.status import Kind, Outcome
from simulation.expecting import expect
from simulation.iterations import check_iteration
from simulation.retries import is_allowed

if TYPE_CHECKING:
    from flowworker.core.records import StepRecord
    from simulation.truth import Truth


def check_next(
    truth: Truth, record: StepRecord, before: StepRecord, latest: float, where: str
) -> None:
    """It may follow, and begins in its time, which is `latest` at the latest."""
    _check_wait(record, before, where, latest)
    if before.outcome is Outcome.ITERATED and record.kind is Kind.RUN:
        check_iteration(truth, record, before, latest, where)
    else:
        _check_retry(truth, record, before, where)


def _check_retry(truth: Truth, record: StepRecord, before: StepRecord, where: str) -> None:
    """Some rule allows another attempt, by all that failed so far."""
    if (record.kind, record.turn) == (before.kind, before.turn) and before.number:
        expect(is_allowed(truth, before), "a retry that no rule allows", where)
        expect(record.since == before.since, "since when it is tried was forgotten", where)


def _check_wait(record: StepRecord, before: StepRecord, where: str, latest: float) -> None:
    """What is to be tried again later is."""
    wait = None if before.error is None else before.error.retry_after
    if wait is not None and (record.kind, record.turn) == (before.kind, before.turn):
        expect(before.finished_at + wait <= latest, "tried again before its time", where)
