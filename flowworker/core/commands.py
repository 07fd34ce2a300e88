"""What shall be done about an event: values that the coordinator performs in this order.

Save      first, by compare-and-set: a coordinator with an old view stops here
Emit      then the run's history, so that an effect never precedes its cause in it
the rest  in any order: every one is idempotent
"""

from __future__ import annotations

__all__ = ["Command", "Dispatch", "Emit", "EventType", "Fence", "Finish", "Save", "SetTimeout"]

from enum import StrEnum

from msgspec import Struct

from flowworker.core.status import Kind, RunStatus


class EventType(StrEnum):
    """Every event type, on the wire. The first ten are the seed's."""

    STARTED = "workflow.started"
    COMPLETED = "workflow.completed"
    FAILED = "workflow.failed"
    COMPENSATING = "workflow.compensating"
    STEP_STARTED = "workflow.step.started"
    STEP_COMPLETED = "workflow.step.completed"
    STEP_FAILED = "workflow.step.failed"
    STEP_RETRYING = "workflow.step.retrying"
    STEP_FALLBACK = "workflow.step.fallback"
    WAITING_HUMAN = "workflow.waiting_human"

    REJECTED = "workflow.rejected"
    CANCELLED = "workflow.cancelled"
    CANCEL_REQUESTED = "workflow.cancel_requested"
    HUMAN_DECIDED = "workflow.human_decided"
    TIMED_OUT = "workflow.timed_out"
    STEP_ATTEMPT_FAILED = "workflow.step.attempt_failed"
    STEP_SKIPPED = "workflow.step.skipped"
    STEP_CANCELLED = "workflow.step.cancelled"
    STEP_COMPENSATED = "workflow.step.compensated"
    STEP_COMPENSATION_FAILED = "workflow.step.compensation_failed"
    STEP_WAITING_HANDLER = "workflow.step.waiting_handler"


ENDS = frozenset({EventType.COMPLETED, EventType.FAILED, EventType.CANCELLED})
"""What the last event of a run says; each run has one of them."""


class Save(Struct, frozen=True):
    """Write the run's record; `moved_from` is its former status when the index must follow."""

    moved_from: RunStatus | None = None


class Emit(Struct, frozen=True, omit_defaults=True):
    """Tell the world. `detail` makes the event's id unique among those of its type in the run."""

    type: EventType
    detail: str = ""
    step_id: str = ""
    error: str = ""
    reason: str = ""
    fallback_to: str = ""
    attempt: int = 0
    delay: float = 0.0
    steps_count: int = 0
    failed_compensations: tuple[str, ...] = ()


class Dispatch(Struct, frozen=True):
    """Enqueue an attempt, not to start before `due` (0: at once).

    Attributes:
        revision: of the step's record that the claim must find, 0 for none.
        lost: workers that died with this attempt.
    """

    step: str
    kind: Kind
    turn: int
    attempt: int
    revision: int
    lost: int = 0
    due: float = 0.0


class Fence(Struct, frozen=True):
    """See to it that the step's attempt ends: refuse its claim, or stop its worker.

    What that takes, given the step's record, says `claim.judge_fence`. With `force` the claim is
    revoked even while its worker is alive. The record is at `revision` or later.
    """

    step: str
    kind: Kind
    turn: int
    attempt: int
    force: bool = False
    revision: int = 0


class SetTimeout(Struct, frozen=True):
    """Deliver `TimedOut` at that time, whatever dies meanwhile."""

    at: float


class Finish(Struct, frozen=True):
    """The run is over: send its result, start its retention, drop its timers and messages."""


Command = Save | Emit | Dispatch | Fence | SetTimeout | Finish
