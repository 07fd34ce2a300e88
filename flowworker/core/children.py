"""Runs that are attempts of other runs' steps: what they run, and what their end says of these."""

from __future__ import annotations

__all__ = ["MAX_DEPTH", "calls_in", "group_of", "groups_in", "is_stopping", "settled"]

from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.claim import succeeded
from flowworker.core.error_types import CHILD_CANCELLED, CHILD_FAILED, TIMEOUT
from flowworker.core.ids import MAX_NAME
from flowworker.core.model import Workflow
from flowworker.core.records import ErrorInfo, StopReason, shortened
from flowworker.core.status import Outcome, RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.core.model import Step
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord, StepRecord

MAX_DEPTH = 16
"""How many runs one may be below a run that is no child."""


def group_of(workflow: Workflow, step: Step) -> Workflow:
    """The definition whose runs are the attempts of a step that has `steps`."""
    name = f"{workflow.name}.{step.id}"
    if len(name) > MAX_NAME:
        name = f"group-{sha256(name.encode()).hexdigest()[:24]}.{step.id}"[:MAX_NAME].rstrip(".")
    return Workflow(
        name=name,
        steps=step.steps,
        version=workflow.version,
        retention=workflow.retention,
        priority=workflow.priority,
        output=step.output,
    )


def groups_in(workflow: Workflow) -> Iterator[Workflow]:
    """The definitions of all groups in a workflow, those of inner ones first."""
    for step in chain(workflow.steps, workflow.finally_):
        if step.steps:
            group = group_of(workflow, step)
            yield from groups_in(group)
            yield group


def calls_in(workflow: Workflow) -> dict[str, str]:
    """Names of the workflows that its steps call, in groups too, each with one of these steps."""
    called: dict[str, str] = {}
    for each in (*groups_in(workflow), workflow):
        for step in chain(each.steps, each.finally_):
            if step.workflow is not None:
                called[step.workflow] = step.id
    return called


def is_stopping(run: RunRecord) -> bool:
    """Whether no step of a run may start any more, as far as its record shows."""
    if run.ending is not None:
        return run.stop is not None and run.stop.reason is StopReason.TERMINATED
    return run.stop is not None


def settled(
    record: StepRecord,
    child: RunRecord,
    output: Payload | None,
    cause: ErrorInfo | None,
    now: float,
    *,
    stopping: bool,
) -> StepRecord:
    """The record of an attempt whose run has ended.

    Args:
        record: RUNNING; its error is why the run was cancelled, if the step's own policy did that.
        child: the run.
        output: what it resulted in, if it completed.
        cause: why the step failed with which it failed, if one did.
        now: seconds since the Unix epoch.
        stopping: the run that the step belongs to stops.
    """
    ended = replace(record, finished_at=now, lease_until=0.0)
    if child.status is RunStatus.COMPLETED:
        return replace(ended, outcome=succeeded(record), output=output, error=None)
    if stopping and child.status is RunStatus.CANCELLED:
        return replace(ended, outcome=Outcome.CANCELLED, error=None)
    error = _error(record, child, cause)
    outcome = Outcome.CANCELLED if stopping else Outcome.FAILED
    return replace(ended, outcome=outcome, error=error)


def _error(record: StepRecord, child: RunRecord, cause: ErrorInfo | None) -> ErrorInfo:
    about = f"run {child.run} ({child.workflow})"
    if child.status is RunStatus.CANCELLED:
        message = shortened(f"{about} was cancelled: {child.error}")
        return record.error or ErrorInfo(CHILD_CANCELLED, message, retryable=False)
    if cause is not None:
        if CHILD_FAILED in cause.bases:  # it names the run below that it comes from
            return cause
        message = shortened(f"{about}: {cause.message}")
        return ErrorInfo(cause.type, message, cause.retryable, bases=(*cause.bases, CHILD_FAILED))
    message = shortened(f"{about}: {child.error}")
    if child.stop is not None and child.stop.reason is StopReason.TIMED_OUT:
        return ErrorInfo(TIMEOUT, message, bases=(CHILD_FAILED,))
    return ErrorInfo(CHILD_FAILED, message)
