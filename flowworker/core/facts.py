"""What can happen to a run: a closed union, matched exhaustively by `decide`.

Each is durable before its event is published, and the event may come twice, late or never.
"""

from __future__ import annotations

__all__ = [
    "AttemptFailed",
    "CancelRequested",
    "Compensated",
    "Concluded",
    "Expanded",
    "Fact",
    "HumanDecided",
    "Iterated",
    "Judged",
    "Repeated",
    "RunStarted",
    "Signalled",
    "Steered",
    "StepCancelled",
    "StepCompleted",
    "StepSkipped",
    "TimedOut",
    "failure_in",
    "iteration_in",
]

from typing import TYPE_CHECKING

from msgspec import Struct

from flowworker.core.attempt import Attempt
from flowworker.core.payload import EMPTY, Payload
from flowworker.core.records import ErrorInfo
from flowworker.core.status import HumanAction

if TYPE_CHECKING:
    from flowworker.core.records import StepRecord


class RunStarted(Struct, frozen=True):
    """The run's record was created."""


class StepCompleted(Struct, frozen=True):
    """An attempt of the step or its fallback succeeded; `revision` is that of the record.

    `reason` is why the run ends at the step, if it does.
    """

    step: str
    attempt: Attempt
    output: Payload
    revision: int
    reason: str = ""


class Iterated(Struct, frozen=True):
    """An attempt of a step that is repeated succeeded, at time `at`."""

    step: str
    attempt: Attempt
    output: Payload
    revision: int
    at: float


class AttemptFailed(Struct, frozen=True):
    """An attempt of any kind failed, at time `at`; `since` and the rest as in its record."""

    step: str
    attempt: Attempt
    error: ErrorInfo
    revision: int
    at: float
    since: float = 0.0
    spent: tuple[int, ...] = ()
    intervals: tuple[float, ...] = ()


class StepCancelled(Struct, frozen=True):
    """The step's latest attempt was fenced off, or stopped by its worker on request."""

    step: str
    revision: int


class Compensated(Struct, frozen=True):
    """The step's compensation succeeded."""

    step: str
    revision: int


class HumanDecided(Struct, frozen=True):
    """An operator answered. An empty `step` means the only one that waits.

    Attributes:
        id: identity of the answer: published twice, it is followed once, also when the step waits
            again by then. Empty if unknown.
        reason, actor: of an answer to an approval: why, and whose it is.
    """

    action: HumanAction
    step: str = ""
    output: Payload | None = None
    id: str = ""
    reason: str = ""
    actor: str = ""


class CancelRequested(Struct, frozen=True):
    """An operator wants the run to stop: with compensation, or (`terminate`) without."""

    reason: str = ""
    terminate: bool = False


class Signalled(Struct, frozen=True):
    """A signal of that name is kept for the run."""

    name: str


class Steered(Struct, frozen=True):
    """An operator wants that the run pauses, or goes on; `at` orders these requests.

    Those that were made of its whole workflow are apart: neither kind undoes the other.
    """

    pauses: bool
    at: float
    reason: str = ""
    actor: str = ""
    of_workflow: bool = False


class TimedOut(Struct, frozen=True):
    """The workflow's timeout ran out."""


class Judged(Struct, frozen=True):
    """The step's condition is true. Not durable: asked again, the same records say the same."""

    step: str


class Expanded(Struct, frozen=True):
    """The loop has begun, with so many items; `revision` is that of the record that says so."""

    step: str
    items: Payload
    count: int
    revision: int


class Repeated(Struct, frozen=True):
    """The step runs again at `due`, after the attempt that ended an iteration.

    Not durable: asked again, the same records say the same.
    """

    step: str
    attempt: Attempt
    due: float


class StepSkipped(Struct, frozen=True):
    """In that turn the step's condition was false; `revision` is that of the record of it."""

    step: str
    revision: int
    turn: int = 1


class Concluded(Struct, frozen=True):
    """What the run results in, once all its steps are resolved; or why that cannot be said.

    It is not durable by itself: asked again, the same records give the same answer.
    """

    output: Payload | None = None
    error: ErrorInfo | None = None


def failure_in(record: StepRecord, revision: int) -> AttemptFailed:
    """The fact that stands in the record of a failed attempt."""
    error = record.error or ErrorInfo("Unknown", "the record of the failure has no error")
    return AttemptFailed(
        record.step,
        record.attempt,
        error,
        revision,
        record.finished_at,
        record.since,
        record.spent,
        record.intervals,
    )


def iteration_in(record: StepRecord, revision: int) -> Iterated:
    """The fact that stands in the record of an iteration that has ended."""
    output = record.output or EMPTY
    return Iterated(record.step, record.attempt, output, revision, record.finished_at)


Fact = (
    RunStarted
    | StepCompleted
    | AttemptFailed
    | StepCancelled
    | Compensated
    | HumanDecided
    | CancelRequested
    | Signalled
    | Steered
    | TimedOut
    | Concluded
    | Expanded
    | Iterated
    | Judged
    | Repeated
    | StepSkipped
)
