"""Names for what becomes of steps, so that it can be counted."""

from __future__ import annotations

__all__ = ["kind_of_write"]

from typing import TYPE_CHECKING

from flowworker.core.status import Outcome
from simulation.rules import is_refused

if TYPE_CHECKING:
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
