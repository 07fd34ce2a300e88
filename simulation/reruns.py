"""What must hold for reruns: what is kept is not executed, and everything else is."""

from __future__ import annotations

__all__ = ["check_kept", "check_prepared", "may_be_refused"]

from typing import TYPE_CHECKING

from flowworker.core.event_types import EventType
from flowworker.core.ids import defined_id, index_of
from flowworker.core.status import HumanAction, Kind, Outcome, RunStatus
from simulation.airflow import Resolution
from simulation.expecting import expect
from simulation.sayings import read_payload

if TYPE_CHECKING:
    from flowworker.core.records import Rerun, RunRecord, StepRecord
    from simulation.truth import Truth


def check_kept(truth: Truth, record: StepRecord, before: StepRecord | None, where: str) -> None:
    """The record of a step that a rerun keeps is written."""
    past = truth.past
    expect(before is None, "a kept step was written twice", where)
    expect(truth.record.status is RunStatus.PENDING, "a step is kept while its run goes on", where)
    expect(past is not None, "a step is kept of nothing", where)
    if past is None:
        return
    found, _ = past.steps[record.step]
    expect(record.kept_from == (found.kept_from or past.run), "kept from another run", where)
    expect(record.step in _copied(past, truth.record.rerun), "a step is kept that is to run", where)
    if record.outcome is Outcome.COMPLETED and found.outcome is Outcome.COMPLETED:
        same = read_payload(truth, record.output) == read_payload(past, found.output)
        expect(same, "what is kept is something else", where)


def check_prepared(truth: Truth, record: RunRecord) -> None:
    """A rerun begins: all is there that it keeps. Or it fails, for want of the other run."""
    past, run = truth.past, truth.run
    if past is None:
        return
    if record.status is not RunStatus.RUNNING and not record.is_asking:
        expect(past.gone or past.forgotten_history, "a rerun failed for nothing", run)
        return
    wanted = _copied(past, record.rerun)
    there = set(truth.steps)
    expect(there == wanted, "a rerun keeps something else", f"{run} {there}, not {wanted}")


def may_be_refused(past: Truth | None, wanted: Rerun) -> bool:
    """Whether there is a reason to: nothing to begin from, or nothing to do."""
    if past is None or not past.over or past.gone or past.forgotten_history or past.record.refused:
        return True
    if past.record.expires:  # it is about to be removed
        return True
    if wanted.point and wanted.point not in past.plan.steps:  # another run has the id by now
        return True
    steps = past.plan.steps.values()
    forward = {step.id for step in steps if not (past.plan.closes(step.id) or step.end)}
    return not wanted.point and _kept(past, wanted) >= forward


def _copied(past: Truth, wanted: Rerun | None) -> set[str]:
    """Steps of which a record is copied: of instances, those that may have to be undone."""
    kept = _kept(past, wanted)
    return {
        step
        for step in past.steps
        if defined_id(step) in kept
        and (index_of(step) is None or past.plan.step(step).saga is not None)
    }


def _kept(past: Truth, wanted: Rerun | None) -> set[str]:
    """Steps that stand as they were: done, not behind the beginning, and so are all above them."""
    kept: set[str] = set()
    if wanted is None or not (wanted.point or wanted.failed):
        return kept
    for step in past.plan.order:
        above = past.plan.steps[step].depends_on
        ends = past.plan.steps[step].end is not None  # that is decided anew
        begins = step == wanted.point or past.plan.closes(step) or ends
        done = _is_done(past, step, wanted) and not _is_undone(past, step)
        if not begins and kept.issuperset(above) and done:
            kept.add(step)
    return kept


def _is_undone(past: Truth, step: str) -> bool:
    """Whether instances of it were compensated, if it is a loop."""
    return any(
        record.kind is Kind.COMPENSATE and index_of(one) is not None and defined_id(one) == step
        for one, (record, _) in past.steps.items()
    )


def _is_cut_short(past: Truth) -> bool:
    """Whether a step may have ended it, while others were to be tried again."""
    return any(step.end is not None and step.id in past.steps for step in past.plan.steps.values())


def _is_done(past: Truth, step: str, wanted: Rerun) -> bool:
    record, _ = past.steps.get(step, (None, 0))
    if record is None:
        return past.resolution(step) in {Resolution.SKIPPED, Resolution.UPSTREAM_FAILED}
    if record.kind is Kind.COMPENSATE:
        return False
    decisions = past.record.decisions.get(step, ())
    if decisions and decisions[-1].action in {HumanAction.SKIP, HumanAction.COMPLETE}:
        return True
    if record.outcome is not Outcome.FAILED:
        return record.outcome in {Outcome.COMPLETED, Outcome.SKIPPED}
    if record.is_kept and record.noted is not None:  # an operator had skipped it
        return True
    failed = f"{past.run}/{EventType.STEP_FAILED}/{step}/"
    given_up = record.is_kept or any(one.startswith(failed) for one in past.published)
    given_up = given_up or (past.record.status is RunStatus.COMPLETED and not _is_cut_short(past))
    passed_over = past.plan.steps[step].continue_on_error and given_up
    return passed_over and not wanted.failed
