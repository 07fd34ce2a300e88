"""What must hold for every write of a record, whichever process makes it."""

from __future__ import annotations

__all__ = ["Violation", "check_run_write", "check_step_write", "expect", "is_refused"]

from typing import TYPE_CHECKING

from flowworker.core.claim import MAX_LOST
from flowworker.core.records import StopReason
from flowworker.core.status import TERMINAL, HumanAction, Kind, Outcome, RunStatus
from simulation.retries import is_allowed

if TYPE_CHECKING:
    from flowworker.core.records import RunRecord, StepRecord, Stop
    from simulation.truth import Truth


class Violation(Exception):
    """An invariant does not hold; the message says which, and where."""


def expect(holds: object, what: str, about: object = "") -> None:
    """Raise Violation unless it holds."""
    if not holds:
        raise Violation(f"{what}: {about}" if about != "" else what)


def check_run_write(truth: Truth, before: RunRecord, record: RunRecord) -> None:
    """A run's record was overwritten."""
    run = truth.run
    expect(not truth.gone, "a removed run was written again", run)
    expect(before.status not in TERMINAL, "a terminal state changed", run)
    expect(record != before, "a write that changes nothing", run)
    expect(
        (record.created_at, record.definition, record.origin)
        == (before.created_at, before.definition, before.origin),
        "a run became another one",
        run,
    )
    if record.stop is not None:
        expect(record.status is not RunStatus.WAITING_HUMAN, "waiting though stopping", run)
    if before.stop is not None:
        terminated = record.stop is not None and record.stop.reason is StopReason.TERMINATED
        expect(record.stop == before.stop or terminated, "a run that stops goes on", run)
    if before.ending is not None:
        expect(record.ending is before.ending, "another end than was decided", run)
    if record.stop is not None and record.stop != before.stop:
        expect(_is_asked_for(truth, record, record.stop), "a stop that nobody asked for", run)
    for step, past in before.decisions.items():
        kept = record.decisions.get(step, ())[: len(past)]
        expect(kept == past, "an answer was forgotten", f"{run} {step}")
    answers = [decision.id for taken in record.decisions.values() for decision in taken]
    expect(len(answers) == len(set(answers)), "an answer was followed twice", run)
    if record.status is RunStatus.COMPENSATING is not before.status:
        expect(not truth.running(), "the saga begins while an attempt is in flight", run)
    if record.status in TERMINAL:
        _check_end(truth, record)


def _is_asked_for(truth: Truth, record: RunRecord, stop: Stop) -> bool:
    """Whether somebody wanted it, or a step failed that nothing is left to try for."""
    if stop.reason is not StopReason.FAILED:
        return stop.reason in truth.asked
    if stop.step and truth.goes_on_after(stop.step):
        return False
    answers = record.decisions.get(stop.step, ())
    if answers and answers[-1].action is HumanAction.CANCEL:
        return True
    failed, _ = truth.steps.get(stop.step, (None, 0))
    if failed is None or failed.outcome is not Outcome.FAILED:
        return False
    return not is_allowed(truth, failed, at_once=True)


def _check_end(truth: Truth, record: RunRecord) -> None:
    run = truth.run
    expect(not truth.running(), "the end while an attempt is in flight", run)
    expect(record.finished_at > 0, "an end without a time", run)
    if record.status is RunStatus.COMPLETED:
        expect(record.stop is None, "completed though stopped", run)
        missing = [step for step in truth.plan.order if not truth.resolved(step)]
        expect(not missing, "completed without all steps", f"{run} {missing}")
        return
    stop = record.stop
    expect(stop is not None, "an early end without a reason", run)
    if stop is None or stop.reason is StopReason.TERMINATED:
        expect(record.status is RunStatus.CANCELLED, "terminated but not cancelled", run)
        return
    undo = truth.to_undo()
    expect(truth.undone == undo, "not all was undone", f"{run} {truth.undone} of {undo}")
    failed = [s for s in truth.undone if truth.steps[s][0].outcome is Outcome.FAILED]
    expect(
        sorted(failed) == sorted(record.failed_compensations),
        "the wrong failed compensations are named",
        f"{run} {failed} {record.failed_compensations}",
    )
    critical = any((saga := truth.plan.steps[s].saga) and saga.is_critical for s in failed)
    expect(record.needs_attention == critical, "attention is called for wrongly", run)


def check_step_write(
    truth: Truth, record: StepRecord, revision: int, writer: str, now: float, slack: float
) -> None:
    """A step's record is written; `truth` is from before.

    Args:
        truth: what is durable.
        record: what is written.
        revision: the write's.
        writer: the process that writes; a worker's name is its id.
        now: the writer's clock.
        slack: seconds by which clocks may differ from each other.
    """
    step = record.step
    where = f"{truth.run} {step} {record.attempt}"
    before, at = truth.steps.get(step, (None, 0))
    expect(not truth.gone, "a step of a removed run was written", where)
    expect(step in truth.plan.steps, "a step that does not exist", where)
    if before is not None:
        expect(before.attempt <= record.attempt, "an attempt out of order", where)
        settled = before.outcome is not Outcome.RUNNING and before.attempt == record.attempt
        expect(not settled, "a settled attempt was written again", where)
    missing = record.error is not None and record.error.type == "HandlerNotFound"
    expect(not missing, "failed for want of a handler", where)
    own = writer == record.worker and _is_same_claim(before, record)
    match record.outcome:
        case Outcome.RUNNING if not own:
            _check_claim(truth, record, before, where, now + slack)
        case Outcome.FAILED if record.lost < MAX_LOST and is_refused(record):
            _check_claim(truth, record, before, where, now + slack)  # it takes the place of one
        case Outcome.COMPLETED:
            expect(own, "a result of somebody who does not hold the claim", where)
            if record.kind is not Kind.COMPENSATE:
                expect(step not in truth.outputs, "an output was written twice", where)
        case Outcome.FAILED if not own:
            expect(record.lost == MAX_LOST, "given up too early or too late", where)
            _check_takeover(truth, record, before, where, now + slack)
        case Outcome.CANCELLED:
            _check_cancelled(truth, before, where, own=own, latest=now + slack)
        case _:
            pass  # renewed, or settled, by its own worker
    if record.outcome is not Outcome.RUNNING:
        expect(not record.lease_until, "a settled attempt that has a lease", where)
    if record.kind is Kind.COMPENSATE:
        known = truth.outputs.get(step, record.completed)
        expect(record.completed == known > 0, "a compensation lost its place", where)
    expect(revision > at, "a revision that does not grow", where)


def _check_cancelled(
    truth: Truth, before: StepRecord | None, where: str, *, own: bool, latest: float
) -> None:
    expect(truth.record.stop is not None, "cancelled without a stop", where)
    fenced = before is not None and before.outcome is Outcome.CANCELLED
    expect(not fenced, "a fence over a fence", where)
    held = before is not None and before.lease_until > latest
    may_end = own or _terminated(truth) or not held
    expect(may_end, "a claim was revoked while its lease held", where)


def _is_same_claim(before: StepRecord | None, record: StepRecord) -> bool:
    return (
        before is not None
        and before.outcome is Outcome.RUNNING
        and (before.worker, before.lost, before.started_at, before.attempt)
        == (record.worker, record.lost, record.started_at, record.attempt)
    )


def is_refused(record: StepRecord) -> bool:
    """Whether no worker could be asked to make the attempt."""
    error = record.error
    refused = error is not None and error.type == "PayloadTooLarge" and not record.worker
    return record.outcome is Outcome.FAILED and refused


def _terminated(truth: Truth) -> bool:
    stop = truth.record.stop
    return stop is not None and stop.reason is StopReason.TERMINATED


def _check_claim(
    truth: Truth, record: StepRecord, before: StepRecord | None, where: str, latest: float
) -> None:
    expect(not truth.over, "a claim after the end", where)
    expect(record.lost < MAX_LOST, "an attempt circles for ever", where)
    _check_takeover(truth, record, before, where, latest)
    if record.kind is Kind.COMPENSATE:
        _check_compensation(truth, record.step, where)
        return
    expect(truth.ready(record.step), "a step starts before what it depends on", where)
    begun = truth.record.status is RunStatus.COMPENSATING or bool(truth.undone)
    late = begun and not truth.plan.closes(record.step)
    expect(not late, "a step starts after the saga began", where)


def _check_takeover(
    truth: Truth, record: StepRecord, before: StepRecord | None, where: str, latest: float
) -> None:
    if before is None or before.outcome is not Outcome.RUNNING:
        expect(record.lost == 0, "lost workers of another attempt", where)
        if before is not None:
            expect(before.outcome is not Outcome.CANCELLED, "a claim over a fence", where)
            if not is_refused(record):  # what nobody is asked to do need not wait for its time
                _check_wait(record, before, where, latest)
                _check_retry(truth, record, before, where)
        return
    expect(before.lease_until <= latest, "a claim was taken while its lease held", where)
    lost = before.lost + (before.lease_until > 0)
    expect(record.lost == lost, "lost workers are miscounted", where)


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


def _check_compensation(truth: Truth, step: str, where: str) -> None:
    expect(truth.record.status is RunStatus.COMPENSATING, "a compensation without a saga", where)
    others = [other for other in truth.running() if other != step]
    expect(not others, "two compensations at a time", where)
    undone = truth.undone if step in truth.undone else [*truth.undone, step]
    undo = truth.to_undo()
    expect(undone == undo[: len(undone)], "compensations out of order", f"{where}: {undo}")
    for other in undone[:-1]:
        over = truth.steps[other][0].outcome in {Outcome.COMPLETED, Outcome.FAILED}
        expect(over, "a compensation before the one before it is over", where)
