"""What must hold for steps that coordinators settle themselves."""

from __future__ import annotations

__all__ = ["check_wait_write"]

from typing import TYPE_CHECKING

import msgspec

from flowworker.core.payload import Inline
from flowworker.core.status import Outcome
from flowworker.definitions.moment import parse_moment
from simulation.attempts import check_next
from simulation.children import check_child_refused, check_child_write
from simulation.conditions import check_condition
from simulation.expecting import UNKNOWN, expect
from simulation.loops import check_begun
from simulation.sayings import error_of, template
from simulation.signals import check_taken

if TYPE_CHECKING:
    from flowworker.core.model import Step
    from flowworker.core.records import StepRecord
    from simulation.truth import Truth

_APART = 1e-3
"""Seconds: times are written with so many digits."""

_REFUSALS = {"ExpressionError", "InvalidInput"}
"""Errors of attempts that are over before they begin."""


def check_wait_write(
    truth: Truth, record: StepRecord, before: StepRecord | None, now: float, slack: float
) -> None:
    """The record of an engine step is written."""
    step = truth.plan.step(record.step)
    where = f"{truth.run} {record.step} {record.attempt}"
    expect(not truth.over, "a step that waits goes on after the end", where)
    expect(not record.worker, "a worker has settled a step that has no handler", where)
    held = before is not None and before.outcome is Outcome.RUNNING
    begun = held and before is not None and before.attempt == record.attempt
    if begun and before is not None and step.has_child:
        check_child_write(truth, record, before, where)
        return
    refused = record.outcome is Outcome.FAILED and error_of(record) in _REFUSALS
    ended = step.end is not None and record.outcome is Outcome.COMPLETED
    if record.outcome is Outcome.RUNNING or ended or (refused and not begun):
        expect(not begun, "a wait began twice", where)
        expect(truth.ready(record.step), "a step starts before what it depends on", where)
        expect(not truth.undone or truth.plan.closes(step.id), "waits after the saga began", where)
        check_begun(truth, record, before, where)
        if refused:
            check_child_refused(truth, record, where)
            return
        if before is not None:
            check_next(truth, record, before, record.started_at + slack, where)
        check_condition(truth, record.step, where)
        _check_moment(truth, step, record, where)
        expect(bool(record.child) is step.has_child, "a run that is no step", where)
        return
    expect(begun, "a wait ends that did not begin", where)
    if before is not None:
        same = (record.wakes_at, record.started_at) == (before.wakes_at, before.started_at)
        expect(same, "a wait became another one", where)
    if record.outcome is Outcome.COMPLETED:
        _check_completed(truth, step, record, now + slack, where)
    else:
        _check_failed(truth, record, now + slack, where)


def _check_moment(truth: Truth, step: Step, record: StepRecord, where: str) -> None:
    """It waits for the moment of which its definition speaks."""
    waits = step.wait_for or step.approval
    limit = step.sleep if waits is None else waits.timeout
    if step.has_child:
        limit = step.timeout
    expected = 0.0
    if step.until is not None:
        expected = parse_moment(step.until)
    elif limit is not None:
        seconds = template(truth, limit)
        if seconds is UNKNOWN:
            return
        expected = record.started_at + seconds
    right = abs(record.wakes_at - expected) < _APART
    expect(right, "waits for another moment", f"{where}: {record.wakes_at}, not {expected}")


def _check_completed(
    truth: Truth, step: Step, record: StepRecord, latest: float, where: str
) -> None:
    if step.wait_for is not None:
        check_taken(truth, record, where)
    elif step.approval is not None:
        _check_answered(truth, record, "approve", where)
        _check_fits(step, record, where)
    else:
        expect(record.wakes_at <= latest + _APART, "a wait ended before its time", where)


def _check_failed(truth: Truth, record: StepRecord, latest: float, where: str) -> None:
    what = error_of(record)
    if what == "Timeout":
        late = 0.0 < record.wakes_at <= latest + _APART
        expect(late, "a wait timed out before its time", where)
    elif what == "Rejected":
        _check_answered(truth, record, "reject", where)
    else:
        expect(what == "ExpressionError", "a wait failed otherwise", f"{where}: {record.error}")


def _check_answered(truth: Truth, record: StepRecord, action: str, where: str) -> None:
    """Somebody answered that, and it is named who."""
    asked = (record.step, action, record.actor, record.reason)
    expect(asked in truth.answered, "an answer that nobody gave", f"{where}: {asked}")


def _check_fits(step: Step, record: StepRecord, where: str) -> None:
    """The answer is what the schema asks for: an object with a boolean `ok`."""
    asked = step.approval
    if asked is None or asked.schema is None or not isinstance(record.output, Inline):
        return
    value = msgspec.json.decode(record.output.data)
    fits = isinstance(value, dict) and isinstance(value.get("ok"), bool)
    expect(fits, "an answer that its schema refuses was accepted", f"{where}: {value}")
