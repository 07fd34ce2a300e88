"""What must hold for runs that are attempts of other runs' steps, and for these steps."""

from __future__ import annotations

__all__ = [
    "check_child",
    "check_child_input",
    "check_child_refused",
    "check_child_write",
    "given_by_parent",
]

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from flowworker.codec.json import encode_sorted
from flowworker.core.payload import Stored
from flowworker.core.status import Outcome, RunStatus
from simulation.conditions import check_refused
from simulation.expecting import UNKNOWN, Violation, expect
from simulation.sayings import (
    Senseless,
    error_of,
    has_unknown,
    outcome_of,
    read_payload,
    template,
)
from simulation.settings import LONGEST

if TYPE_CHECKING:
    from flowworker.core.records import StepRecord
    from simulation.truth import Truth


def check_child(child: Truth, above: Truth) -> None:
    """A run is created that is an attempt of a step of the run above it."""
    run, parent = child.run, child.created.parent
    if parent is None:
        return
    record, _ = above.steps.get(parent.step, (None, 0))
    expect(record is not None and record.child == run, "a child that no step has begun", run)
    expect(not above.over, "a child that begins after its parent's end", run)
    name = above.plan.step(parent.step).workflow
    expect(name in {None, child.record.workflow}, "a child of another workflow", run)
    if record is not None and child.created.stop is None:
        begins = max(child.created.begins_at, child.created.created_at)
        expect(begins >= record.started_at, "a child begins before its time", run)


def given_by_parent(child: Truth, above: Truth) -> Any:
    """What the step above says that the child gets."""
    parent = child.created.parent
    if parent is None or child.created.stop is not None:  # it does nothing, and gets nothing
        return UNKNOWN
    try:
        return template(above, above.plan.step(parent.step).with_ or {}, parent.step)
    except Senseless as missing:
        raise Violation(f"a child begins without what it gets: {child.run} {missing}") from None


def check_child_input(child: Truth) -> None:
    """It gets what was said, with the defaults of its workflow."""
    given, kept = child.given, child.created.input
    if has_unknown(given):
        return
    if isinstance(kept, Stored):
        same = kept.digest == sha256(encode_sorted(given)).hexdigest()
    else:
        same = read_payload(child, kept) == given
    expect(same, "a child got another input than was said", f"{child.run}: {kept}, not {given}")


def check_child_refused(truth: Truth, record: StepRecord, where: str) -> None:
    """An attempt failed before its run was made: what it would get is not to be had, or refused."""
    if error_of(record) == "ExpressionError":
        check_refused(truth, record, where)
        return
    step = truth.plan.step(record.step)
    given = template(truth, step.with_ or {}, record.step)
    padding = given.get("padding", "") if isinstance(given, dict) else ""
    right = has_unknown(padding) or len(padding) > LONGEST
    expect(step.workflow is not None and right, "a child was refused that may begin", where)


def check_child_write(truth: Truth, record: StepRecord, before: StepRecord, where: str) -> None:
    """A step that is a run goes on: its time is over, or that run has ended as it does."""
    expect(record.child == before.child, "a step became another run", where)
    if record.outcome is Outcome.RUNNING:
        late = before.error is None and error_of(record) == "Timeout"
        expect(late, "a wait began twice", where)
        return
    child = truth.children.get(record.child)
    expect(child is None or child.over, "a step ended before the run that it is", where)
    done = child is not None and child.record.status is RunStatus.COMPLETED
    succeeded = record.outcome in {Outcome.COMPLETED, Outcome.ITERATED}
    right = done or not succeeded
    expect(right, "a step completed though the run that it is did not", where)
    if succeeded and child is not None:
        _check_result(truth, record, child, where)


def _check_result(truth: Truth, record: StepRecord, child: Truth, where: str) -> None:
    """It puts out what that run results in."""
    whole = child.record.output
    if whole is not None:
        expected = read_payload(child, whole)
    else:
        leaves = {leaf: outcome_of(child, leaf) for leaf in child.plan.leaves}
        expected = {leaf: output for leaf, output in leaves.items() if output is not None}
    found = read_payload(truth, record.output)
    same = found is UNKNOWN or has_unknown(expected) or found == expected
    expect(same, "a step puts out another result than its run", f"{where}: {found}, not {expected}")
