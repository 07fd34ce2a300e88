"""What must hold for steps that are repeated: one iteration after the other, and enough of them."""

from __future__ import annotations

__all__ = ["check_iteration", "check_last"]

from typing import TYPE_CHECKING, Any

from flowworker.core.status import Outcome
from simulation.expecting import expect
from simulation.sayings import has_unknown, holds, read_payload

if TYPE_CHECKING:
    from flowworker.core.records import StepRecord
    from flowworker.core.repetition import Repeat
    from simulation.truth import Truth


def check_iteration(
    truth: Truth, record: StepRecord, before: StepRecord, latest: float, where: str
) -> None:
    """A step is claimed of which the iteration before succeeded."""
    repeat = truth.plan.step(record.step).repeat
    right = record.attempt == before.attempt.repeated
    expect(repeat is not None and right, "another iteration than the next", where)
    if repeat is None:
        return
    expect(before.iteration < repeat.max, "an iteration beyond the most", where)
    expect(_holds(truth, before, repeat) is not True, "an iteration too many", where)
    late = before.finished_at + float(repeat.interval) <= latest + 1e-3
    expect(late, "an iteration before its time", where)


def check_last(truth: Truth, record: StepRecord, before: StepRecord, where: str) -> None:
    """It is said what a step comes to of which an iteration succeeded."""
    repeat = truth.plan.step(record.step).repeat
    expect(repeat is not None, "an iteration of what is not repeated", where)
    if repeat is None:
        return
    held = _holds(truth, before, repeat)
    if record.outcome is Outcome.COMPLETED:
        expect(held is not False, "too few iterations", where)
        expect(record.output == before.output, "not what the last iteration came to", where)
        return
    expect(record.outcome is Outcome.FAILED, "an iteration ends otherwise", where)
    expect(held is not True, "it failed though `until` holds", where)
    spent = before.iteration == repeat.max or has_unknown(held)
    expect(spent, "it failed before the most iterations", where)


def _holds(truth: Truth, record: StepRecord, repeat: Repeat) -> Any:
    output = read_payload(truth, record.output)
    return holds(truth, repeat.until, output=output, iterations=record.iteration)
