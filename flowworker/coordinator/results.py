"""How a run ended, for the subject that its start message named."""

from __future__ import annotations

__all__ = ["brief_result", "result_of"]

from typing import TYPE_CHECKING

from flowworker.codec.messages import Result, ResultStatus
from flowworker.coordinator.outputs import size_in_message
from flowworker.core.status import RunStatus

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState


def result_of(plan: Plan, state: RunState, limit: int) -> Result:
    """The result. Outputs of more than `limit` bytes in all are left to the step records."""
    record = state.record
    output: dict[str, Payload] = {}
    if record.status is RunStatus.COMPLETED:
        for step in plan.leaves:
            payload = state.steps[step].output
            if payload is not None:
                output[step] = payload
    size = sum(size_in_message(step, payload) for step, payload in output.items())
    return _result(record, output if size <= limit else {}, partial=size > limit)


def brief_result(record: RunRecord) -> Result:
    """The result of a run that ended before: outputs are left to the step records."""
    return _result(record, {}, partial=record.status is RunStatus.COMPLETED)


def _result(record: RunRecord, output: dict[str, Payload], *, partial: bool) -> Result:
    return Result(
        id=record.run,
        workflow=record.workflow,
        status=ResultStatus(record.status),
        output=output,
        partial=partial,
        error=record.error,
        failed_compensations=record.failed_compensations,
        needs_attention=record.needs_attention,
    )
