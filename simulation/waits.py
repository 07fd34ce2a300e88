"""What must hold for steps that coordinators settle themselves, and for conditions of steps."""

from __future__ import annotations

__all__ = ["check_condition", "check_refused", "check_skipped", "check_wait_write"]

from typing import TYPE_CHECKING

import msgspec

from flowworker.core.payload import Inline
from flowworker.core.status import Kind, Outcome, RunStatus
from flowworker.definitions.moment import parse_moment
from simulation.expecting import UNKNOWN, expect
from simulation.sayings import Senseless, has_unknown, holds, template
from simulation.signals import check_taken

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.core.model import Step
    from flowworker.core.records import StepRecord
    from simulation.truth import Truth

_APART = 1e-3
"""Seconds: times are written with so many digits."""


def check_condition(truth: Truth, step: str, where: str) -> None:
    """A step begins: its own condition is true."""
    condition = truth.plan.step(step).when
    if condition is None:
        return
    try:
        right = holds(truth, condition) in {True, UNKNOWN}
    except Senseless:
        right = False
    expect(right, "a step begins though its condition does not hold", f"{where}: {condition}")


def check_skipped(truth: Truth, record: StepRecord, before: StepRecord | None, where: str) -> None:
    """A step is skipped by its condition, which is false, and nothing of it began in its turn."""
    condition = truth.plan.step(record.step).when
    expect(condition is not None, "skipped without a condition", where)
    again = before is not None and before.turn < record.turn
    expect(before is None or again, "a step was skipped that had begun", where)
    expect(truth.ready(record.step), "skipped before what it depends on", where)
    try:
        right = holds(truth, condition or "") in {False, UNKNOWN}
    except Senseless:
        right = False
    expect(right, "a step was skipped whose condition holds", f"{where}: {condition}")


def check_refused(truth: Truth, record: StepRecord, where: str) -> None:
    """An attempt failed since something that it is made of has no value."""
    step = truth.plan.step(record.step)
    match record.kind:
        case Kind.RUN:
            given = step.with_
        case Kind.FALLBACK:
            given = None if step.fallback is None else step.fallback.with_
        case _:
            given = None if step.saga is None else step.saga.with_
    right = _is_senseless(template, truth, given, record.step)
    if record.kind is Kind.RUN and step.when is not None:
        right = right or _is_senseless(holds, truth, step.when)
    expect(right, "an attempt was refused that can be made", f"{where}: {record.error}")


def _is_senseless(evaluate: Callable[..., object], *given: object) -> bool:
    """Whether it has no value, as far as that can be known."""
    try:
        return has_unknown(evaluate(*given))
    except Senseless:
        return True


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
    if begun and step.has_child:
        _check_child(truth, record, before, where)
        return
    refused = record.outcome is Outcome.FAILED and _type_of(record) == "ExpressionError"
    ended = step.end is not None and record.outcome is Outcome.COMPLETED
    if record.outcome is Outcome.RUNNING or ended or (refused and not begun):
        expect(not begun, "a wait began twice", where)
        expect(truth.ready(record.step), "a step starts before what it depends on", where)
        expect(not truth.undone or truth.plan.closes(step.id), "waits after the saga began", where)
        if refused:
            check_refused(truth, record, where)
        else:
            check_condition(truth, step.id, where)
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


def _check_child(truth: Truth, record: StepRecord, before: StepRecord | None, where: str) -> None:
    """A step that is a run goes on: its time is over, or that run has ended as it does."""
    expect(before is not None and record.child == before.child, "a step became another run", where)
    if record.outcome is Outcome.RUNNING:
        late = before is not None and before.error is None and _type_of(record) == "Timeout"
        expect(late, "a wait began twice", where)
        return
    child = truth.children.get(record.child)
    expect(child is None or child.over, "a step ended before the run that it is", where)
    done = child is not None and child.record.status is RunStatus.COMPLETED
    right = done or record.outcome is not Outcome.COMPLETED
    expect(right, "a step completed though the run that it is did not", where)


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
    what = _type_of(record)
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


def _type_of(record: StepRecord) -> str:
    return "" if record.error is None else record.error.type
