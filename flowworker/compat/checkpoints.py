"""What the words of `StateStore` mean in the records of the engine, and back. Pure.

The engine writes facts and derives states (`core.rebuild`); a user of the store writes states. The
state as written is kept in `noted`, and shown until the engine attempts the step.
"""

from __future__ import annotations

__all__ = ["again", "is_removable", "noted_as", "state_of", "states_of", "unattempted"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.rebuild import view
from flowworker.core.records import ErrorInfo, StepRecord
from flowworker.core.status import TERMINAL, Kind, Outcome, StepStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord

_NOT_ATTEMPTED = ErrorInfo("Interrupted", "the attempt was not completed")

_NOTED: dict[StepStatus, Outcome] = {
    StepStatus.RUNNING: Outcome.RUNNING,
    StepStatus.COMPLETED: Outcome.COMPLETED,
    StepStatus.SKIPPED: Outcome.COMPLETED,
    StepStatus.CANCELLED: Outcome.CANCELLED,
}
"""What a noted state means to the engine; all others: attempt it (again)."""


def unattempted(run: str, step: str) -> StepRecord:
    """A step of which nothing is known yet."""
    return StepRecord(
        run,
        step,
        Kind.RUN,
        turn=1,
        number=0,
        outcome=Outcome.FAILED,
        noted=StepStatus.PENDING,
        error=_NOT_ATTEMPTED,
    )


def noted_as(record: StepRecord, state: StepStatus) -> StepRecord:
    """The record of a step whose state a user wrote."""
    outcome = _NOTED.get(state, Outcome.FAILED)
    failed = outcome is Outcome.FAILED
    return replace(
        record,
        outcome=outcome,
        noted=state,
        number=0 if failed else max(record.number, 1),
        error=_NOT_ATTEMPTED if failed else None,
    )


def again(record: StepRecord) -> StepRecord:
    """The record of a step that shall have its whole policy once more."""
    return replace(unattempted(record.run, record.step), turn=record.turn + 1, noted=None)


def states_of(
    plan: Plan | None,
    run: tuple[RunRecord, int],
    steps: Mapping[str, tuple[StepRecord, int]],
    now: float,
) -> dict[str, str]:
    """State by step: as decided if the definition is known, else as the records alone say."""
    states = {step: str(state_of(record)) for step, (record, _) in steps.items()}
    if plan is None:
        return states
    decided = view(plan, *run, steps, now).steps
    noted = {step for step, (record, _) in steps.items() if record.noted is not None}
    return states | {step: str(decided[step].status) for step in plan.order if step not in noted}


def state_of(record: StepRecord) -> StepStatus:
    """What the record alone says."""
    if record.noted is not None:
        return record.noted
    if record.kind is Kind.COMPENSATE and record.outcome is Outcome.RUNNING:
        return StepStatus.COMPENSATING
    if record.kind is Kind.COMPENSATE and record.outcome is Outcome.COMPLETED:
        return StepStatus.COMPENSATED
    return StepStatus(record.outcome)


def is_removable(record: RunRecord, now: float) -> bool:
    """Whether the run has ended, and its time to live too."""
    return 0.0 < record.expires <= now and record.status in TERMINAL
