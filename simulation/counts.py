"""Names for what becomes of steps, so that it can be counted."""

from __future__ import annotations

__all__ = ["constructs_of", "kind_of_write"]

from typing import TYPE_CHECKING

from flowworker.core.ids import index_of
from flowworker.core.model import TriggerRule
from flowworker.core.status import Kind, Outcome
from simulation.rules import is_refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.core.graph import Plan
    from flowworker.core.model import Step
    from flowworker.core.records import StepRecord


def kind_of_write(before: StepRecord | None, record: StepRecord, writer: str) -> str:
    """Its name. `writer` is the process that wrote `record` over `before`."""
    if record.outcome is Outcome.RUNNING:
        mine = before is not None and before.worker == record.worker
        if mine and before is not None and before.started_at == record.started_at:
            return "lease renewed" if record.lease_until else "lease given back"
        return "claim taken over" if record.lost else f"claim to {record.kind}"
    if record.error is not None and record.error.type == "WorkerLost":
        return "given up"
    if is_refused(record):
        return "attempt refused"
    if record.outcome is Outcome.CANCELLED and writer != record.worker:
        revoked = before is not None and before.outcome is Outcome.RUNNING
        return "fenced: revoked" if revoked else "fenced: never claimed"
    return f"attempt {record.outcome}"


def constructs_of(plan: Plan, before: StepRecord | None, record: StepRecord) -> Iterator[str]:
    """Names of what the language has, as often as it takes effect by such a write."""
    step = plan.step(record.step)
    if record.is_kept:
        yield f"kept {record.outcome}"
        return
    ended = record.outcome is not Outcome.RUNNING
    if record.kind is not Kind.RUN:
        return
    if not step.uses and ended:
        yield f"{_kind_of(step)} {record.outcome}"
    if index_of(record.step) is not None and ended:
        yield f"instance {record.outcome}"
    if record.outcome is Outcome.ITERATED:
        yield "iteration"
    if step.repeat is not None and ended and record.outcome is not Outcome.ITERATED:
        yield f"repeat {record.outcome}"
    if record.outcome is Outcome.SKIPPED:
        yield "when false"
    if record.outcome is Outcome.FAILED and step.continue_on_error:
        yield "failure passed over"
    if before is None and record.outcome is not Outcome.CANCELLED:
        yield from _begun(plan, step, record)


def _begun(plan: Plan, step: Step, record: StepRecord) -> Iterator[str]:
    if step.when is not None and record.outcome is not Outcome.SKIPPED:
        yield "when true"
    if step.with_ is not None:
        yield "with"
    if plan.closes(step.id):
        yield "finally"
    if step.trigger_rule is not TriggerRule.ALL_SUCCESS and step.depends_on:
        yield f"rule {step.trigger_rule}"
    if isinstance(step.retry, tuple):
        yield "retry rules"


def _kind_of(step: Step) -> str:
    kinds = ("for_each", "sleep", "until", "wait_for", "approval", "end", "steps")
    found = next((kind for kind in kinds if getattr(step, kind)), "workflow")
    return "group" if found == "steps" else found
