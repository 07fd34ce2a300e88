"""What must hold for every write of a record, whichever process makes it."""

from __future__ import annotations

__all__ = ["check_run_write", "check_step_write", "is_refused", "note_step"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.json import decode_value
from flowworker.core.claim import MAX_LOST
from flowworker.core.ids import defined_id
from flowworker.core.payload import Inline
from flowworker.core.records import StopReason
from flowworker.core.status import TERMINAL, Kind, Outcome, RunStatus
from simulation.attempts import check_next
from simulation.conditions import check_condition, check_refused, check_skipped
from simulation.endings import check_end, is_asked_for
from simulation.expecting import expect
from simulation.iterations import check_last
from simulation.loops import check_begun, check_loop_write
from simulation.pauses import check_begins, check_steered
from simulation.reruns import check_kept, check_prepared
from simulation.waits import check_wait_write

if TYPE_CHECKING:
    from flowworker.core.records import RunRecord, StepRecord
    from simulation.truth import Truth


_APART = 1e-3
"""Seconds: times are written with so many digits."""


def _check_output(record: StepRecord, discarded: set[int]) -> None:
    """An output was written: none of a handler that had been given up, by its number."""
    if discarded and record.worker and isinstance(record.output, Inline):
        output = decode_value(record.step, record.output.data)
        late = isinstance(output, dict) and output.get("n") in discarded
        expect(not late, "a result of a handler that was given up", record.step)


def check_run_write(truth: Truth, before: RunRecord, record: RunRecord, latest: float) -> None:
    """A run's record was overwritten, when it was so late at the latest."""
    run = truth.run
    expect(not truth.gone, "a removed run was written again", run)
    if before.status in TERMINAL:  # but for how long it is kept
        same = replace(record, expires=before.expires) == before
        expect(same and record.expires > before.expires, "a terminal state changed", run)
        return
    expect(record != before, "a write that changes nothing", run)
    same = (record.definition, record.origin) == (before.definition, before.origin)
    begun = before.is_early and not record.is_early
    same = same and (begun or record.created_at == before.created_at)
    expect(same, "a run became another one", run)
    expect(record.labels == before.labels, "the labels of a run changed", run)
    if before.begins_at and not record.begins_at:
        expect(before.begins_at <= latest + _APART, "a run began before its time", run)
    _check_stop(truth, before, record)
    check_steered(truth, before, record)
    for step, past in before.decisions.items():
        kept = record.decisions.get(step, ())[: len(past)]
        expect(kept == past, "an answer was forgotten", f"{run} {step}")
    answers = [decision.id for taken in record.decisions.values() for decision in taken]
    expect(len(answers) == len(set(answers)), "an answer was followed twice", run)
    if record.status is RunStatus.COMPENSATING is not before.status:
        expect(not truth.running(), "the saga begins while an attempt is in flight", run)
    if _prepares(before):
        check_prepared(truth, record)
    elif record.status in TERMINAL:
        check_end(truth, record)


def _prepares(before: RunRecord) -> bool:
    """Whether it is a rerun of which not all is there yet."""
    return not before.is_prepared


def _check_stop(truth: Truth, before: RunRecord, record: RunRecord) -> None:
    """Why it stops, and how it ends, is decided once."""
    run = truth.run
    if record.stop is not None and record.ending is None:  # `finally` may ask
        expect(record.status is not RunStatus.WAITING_HUMAN, "waiting though stopping", run)
    if before.stop is not None:
        terminated = record.stop is not None and record.stop.reason is StopReason.TERMINATED
        expect(record.stop == before.stop or terminated, "a run that stops goes on", run)
    if before.ending is not None:
        expect(record.ending is before.ending, "another end than was decided", run)
    elif record.ending is not None:
        expect(not truth.running(), "`finally` begins while an attempt is in flight", run)
        stopped = before.stop is not None and before.stop.reason is StopReason.TERMINATED
        expect(not stopped, "`finally` of a run that was terminated", run)
    if record.stop is not None and record.stop != before.stop and not _prepares(before):
        expect(is_asked_for(truth, record, record.stop), "a stop that nobody asked for", run)


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
    expect(truth.plan.knows(step), "a step that does not exist", where)
    if before is not None:
        expect(before.attempt <= record.attempt, "an attempt out of order", where)
        over = before.outcome not in {Outcome.RUNNING, Outcome.ITERATED}
        settled = over and before.attempt == record.attempt
        expect(not settled, "a settled attempt was written again", where)
    expect(revision > at, "a revision that does not grow", where)
    engine = not truth.plan.step(step).uses and record.kind is Kind.RUN
    engine = engine and record.outcome is not Outcome.CANCELLED
    again = before is not None and before.is_kept and record.kind is not Kind.COMPENSATE
    expect(not again, "a kept step was executed", where)
    if record.is_kept:
        check_kept(truth, record, before, where)
    elif record.outcome is Outcome.SKIPPED:
        check_skipped(truth, record, before, where)
    elif before is not None and _ends_iterations(before, record):
        check_last(truth, record, before, where)
    elif step in truth.plan.loops and engine:
        check_loop_write(truth, record, before)
    elif engine:
        refused = (
            record.outcome is Outcome.FAILED
        )  # its condition, say: that is judged all the same
        if not refused and (before is None or before.attempt < record.attempt):
            check_begins(truth, writer, where)
        check_wait_write(truth, record, before, now, slack)
    else:
        _check_attempt(truth, record, writer, now + slack, where)


def _ends_iterations(before: StepRecord, record: StepRecord) -> bool:
    """Whether it is said of a step that its last iteration was the last one."""
    return before.outcome is Outcome.ITERATED and before.attempt == record.attempt


def _check_attempt(
    truth: Truth, record: StepRecord, writer: str, latest: float, where: str
) -> None:
    """A worker claims an attempt, or it ends; `latest` is how late it may be by anybody's clock."""
    step = record.step
    before, _ = truth.steps.get(step, (None, 0))
    missing = record.error is not None and record.error.type == "HandlerNotFound"
    expect(not missing, "failed for want of a handler", where)
    own = writer == record.worker and _is_same_claim(before, record)
    match record.outcome:
        case Outcome.RUNNING if not own:
            _check_claim(truth, record, before, where, latest)
        case Outcome.FAILED if record.lost < MAX_LOST and is_refused(record):
            _check_claim(truth, record, before, where, latest)  # it takes the place of one
        case Outcome.ITERATED:
            expect(own, "a result of somebody who does not hold the claim", where)
        case Outcome.COMPLETED:
            expect(own, "a result of somebody who does not hold the claim", where)
            if record.kind is not Kind.COMPENSATE:
                expect(step not in truth.outputs, "an output was written twice", where)
        case Outcome.FAILED if not own:
            expect(record.lost == MAX_LOST, "given up too early or too late", where)
            _check_takeover(truth, record, before, where, latest)
        case Outcome.CANCELLED:
            _check_cancelled(truth, step, before, where, own=own, latest=latest)
        case _:
            pass  # renewed, or settled, by its own worker
    if record.outcome is not Outcome.RUNNING:
        expect(not record.lease_until, "a settled attempt that has a lease", where)
    if record.kind is Kind.COMPENSATE:
        known = truth.outputs.get(step, record.completed)
        expect(record.completed == known > 0, "a compensation lost its place", where)


def _check_cancelled(
    truth: Truth, step: str, before: StepRecord | None, where: str, *, own: bool, latest: float
) -> None:
    loop, _ = truth.steps.get(defined_id(step), (None, 0))
    lost = loop is not None and loop.outcome is Outcome.FAILED  # the loop of an instance
    expect(truth.record.stop is not None or lost, "cancelled without a stop", where)
    fenced = before is not None and before.outcome is Outcome.CANCELLED
    expect(not fenced, "a fence over a fence", where)
    held = before is not None and before.lease_until > latest
    may_end = own or truth.terminated or not held
    expect(may_end, "a claim was revoked while its lease held", where)


def _is_same_claim(before: StepRecord | None, record: StepRecord) -> bool:
    return (
        before is not None
        and before.outcome is Outcome.RUNNING
        and (before.worker, before.lost, before.started_at, before.attempt)
        == (record.worker, record.lost, record.started_at, record.attempt)
    )


_REFUSALS = {"PayloadTooLarge", "ExpressionError"}


def is_refused(record: StepRecord) -> bool:
    """Whether no worker could be asked to make the attempt."""
    error = record.error
    refused = error is not None and error.type in _REFUSALS and not record.worker
    return record.outcome is Outcome.FAILED and refused


def _check_claim(
    truth: Truth, record: StepRecord, before: StepRecord | None, where: str, latest: float
) -> None:
    expect(not truth.over, "a claim after the end", where)
    expect(record.lost < MAX_LOST, "an attempt circles for ever", where)
    _check_takeover(truth, record, before, where, latest)
    if is_refused(record) and record.error is not None and record.error.type == "ExpressionError":
        check_refused(truth, record, where)
    elif record.kind is Kind.RUN:
        check_condition(truth, record.step, where)
    if record.kind is Kind.COMPENSATE:
        _check_compensation(truth, record.step, where)
        return
    expect(truth.ready(record.step), "a step starts before what it depends on", where)
    check_begun(truth, record, before, where)
    if truth.plan.closes(record.step):
        return
    expect(not truth.saga_begun, "a step starts after the saga began", where)
    expect(truth.record.ending is None, "a step starts after the end of its run", where)


def _check_takeover(
    truth: Truth, record: StepRecord, before: StepRecord | None, where: str, latest: float
) -> None:
    if before is None or before.outcome is not Outcome.RUNNING:
        expect(record.lost == 0, "lost workers of another attempt", where)
        if before is not None:
            expect(before.outcome is not Outcome.CANCELLED, "a claim over a fence", where)
            if not is_refused(record):  # what nobody is asked to do need not wait for its time
                check_next(truth, record, before, latest, where)
        return
    expect(before.lease_until <= latest, "a claim was taken while its lease held", where)
    lost = before.lost + (before.lease_until > 0)
    expect(record.lost == lost, "lost workers are miscounted", where)


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


def note_step(truth: Truth, record: StepRecord, revision: int, discarded: set[int]) -> None:
    """A step's record was written, rightly."""
    truth.steps[record.step] = (record, revision)
    if record.outcome is not Outcome.RUNNING:
        truth.settled[record.step, revision] = record
    if record.kind is Kind.COMPENSATE:
        begun = record.outcome is Outcome.RUNNING or is_refused(record)
        if begun and record.step not in truth.undone:
            truth.undone.append(record.step)
    elif record.outcome is Outcome.COMPLETED:
        truth.outputs[record.step] = record.completed or revision
        _check_output(record, discarded)
