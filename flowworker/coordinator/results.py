"""How a run ended, for the subject that its start message named."""

from __future__ import annotations

__all__ = ["brief_result", "result_of"]

from typing import TYPE_CHECKING

from flowworker.codec.messages import Result, ResultStatus
from flowworker.coordinator.sizes import size_in_message
from flowworker.core.status import RunStatus

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState


def result_of(plan: Plan, state: RunState, limit: int) -> Result:
    """The result. Outputs of more than `limit` bytes in all are left to the records."""
    record = state.record
    output: dict[str, Payload] = {}
    if record.status is RunStatus.COMPLETED and record.output is None:
        for step in plan.leaves:
            payload = state.steps[step].output
            if payload is not None:
                output[step] = payload
    whole = record.output
    size = sum(size_in_message(step, payload) for step, payload in output.items())
    size += 0 if whole is None else size_in_message("", whole)
    if size > limit:
        return _result(record, partial=True)
    return _result(record, output, whole)


def brief_result(record: RunRecord) -> Result:
    """The result of a run that ended before: outputs are left to the records."""
    return _result(record, partial=record.status is RunStatus.COMPLETED)


def _result(
    record: RunRecord,
    output: dict[str, Payload] | None = None,
    whole: Payload | None = None,
    *,
    partial: bool = False,
) -> Result:
    return Result(
        id=record.run,
        workflow=record.workflow,
        status=ResultStatus(record.status),
        output=output or {},
        whole=whole,
        partial=partial,
        error=record.error,
        failed_compensations=record.failed_compensations,
        needs_attention=record.needs_attention,
    )
