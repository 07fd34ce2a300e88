"""What must hold for the ends of runs, and for what leads to them."""

from __future__ import annotations

__all__ = ["check_end", "is_asked_for"]

from typing import TYPE_CHECKING

import msgspec

from flowworker.codec.json import encode_sorted
from flowworker.core.model import EndStatus
from flowworker.core.payload import Inline
from flowworker.core.records import StopReason
from flowworker.core.status import HumanAction, Outcome, RunStatus
from simulation.expecting import Violation, expect
from simulation.retries import is_allowed
from simulation.sayings import Senseless, has_unknown, template
from simulation.settings import LOWEST

if TYPE_CHECKING:
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord, Stop
    from simulation.truth import Truth


def is_asked_for(truth: Truth, record: RunRecord, stop: Stop) -> bool:
    """Whether somebody wanted it, a step ended the run, or one failed that nothing is left for."""
    step = truth.plan.steps.get(stop.step)
    if step is not None and step.end is not None:
        wanted = StopReason.FAILED if step.end.status is EndStatus.FAILED else StopReason.ENDED
        ended, _ = truth.steps.get(step.id, (None, 0))
        if ended is not None and ended.outcome is Outcome.COMPLETED:
            return stop.reason is wanted
    if stop.reason is not StopReason.FAILED:
        return stop.reason in truth.asked
    if not stop.step:
        return _has_no_output(truth)
    if truth.goes_on_after(stop.step):
        return False
    answers = record.decisions.get(stop.step, ())
    if answers and answers[-1].action is HumanAction.CANCEL:
        return True
    failed, _ = truth.steps.get(stop.step, (None, 0))
    if failed is None or failed.outcome is not Outcome.FAILED:
        return False
    return not is_allowed(truth, failed, at_once=True)


def _has_no_output(truth: Truth) -> bool:
    """Whether all is done, and what the run results in makes no sense, or is too large."""
    if _unresolved(truth, closing=False):
        return False
    try:
        result = template(truth, truth.plan.workflow.output)
    except Senseless:
        return True
    return has_unknown(result) or len(encode_sorted(result)) > LOWEST


def check_end(truth: Truth, record: RunRecord) -> None:
    """A run's record says that it has ended."""
    run, stop = truth.run, record.stop
    expect(not truth.running(), "the end while an attempt is in flight", run)
    left = [child for child, below in truth.children.items() if not below.over]
    expect(not left, "a child outlives its parent", f"{run} {left}")
    expect(record.finished_at > 0, "an end without a time", run)
    if not record.is_early and (stop is None or stop.reason is not StopReason.TERMINATED):
        missing = _unresolved(truth, closing=True)
        expect(not missing, "an end without its `finally`", f"{run} {missing}")
    if record.status is RunStatus.COMPLETED:
        _check_completed(truth, record)
        return
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
    critical = any((saga := truth.plan.step(s).saga) and saga.is_critical for s in failed)
    expect(record.needs_attention == critical, "attention is called for wrongly", run)


def _check_completed(truth: Truth, record: RunRecord) -> None:
    run, stop = truth.run, record.stop
    if stop is not None:
        expect(stop.reason is StopReason.ENDED, "completed though stopped", run)
        expect(not truth.undone, "an early end that was undone", run)
        end = truth.plan.step(stop.step).end
        given = None if end is None else end.output
        _check_output(truth, given or {}, record.output)
        return
    missing = _unresolved(truth, closing=False)
    expect(not missing, "completed without all steps", f"{run} {missing}")
    if truth.plan.workflow.output is not None:
        _check_output(truth, truth.plan.workflow.output, record.output)


def _check_output(truth: Truth, given: object, output: Payload | None) -> None:
    """What the run results in is what its definition says."""
    try:
        expected = template(truth, given)
    except Senseless as missing:
        raise Violation(f"a result of what is not there: {truth.run} {missing}") from None
    found = msgspec.json.decode(output.data) if isinstance(output, Inline) else expected
    same = has_unknown(expected) or found == expected
    expect(same, "another result", f"{truth.run} {found}, not {expected}")


def _unresolved(truth: Truth, *, closing: bool) -> list[str]:
    """Steps of `finally`, or the others, of which it is open what becomes of them."""
    plan = truth.plan
    return [s for s in plan.order if plan.closes(s) is closing and not truth.resolved(s)]
