"""What is said of a run that does not move."""

from __future__ import annotations

__all__ = ["Diagnosis", "Reason", "ReasonKind", "StepDiagnosis"]

from dataclasses import dataclass
from enum import StrEnum

from flowworker.core.status import RunStatus, StepStatus  # noqa: TC001 - read by frameworks


class ReasonKind(StrEnum):
    """What something waits for, for programs. Others may be added."""

    START = "start"
    """The moment at which a run begins, or a coordinator that takes its start in."""
    DEPENDENCY = "dependency"
    """Steps that it depends on."""
    FINALLY = "finally"
    """A step of `finally`: all else."""
    TIMER = "timer"
    """A moment: of `sleep` or `until`."""
    PAUSED = "paused"
    """That its run goes on, or its queue, which pauses."""
    TIMEOUT = "timeout"
    """Nothing; but at that moment it fails."""
    RETRY = "retry"
    """The delay before the next attempt."""
    ITERATION = "iteration"
    """The pause before the next iteration."""
    SIGNAL = "signal"
    """A signal, by its name."""
    HUMAN = "human"
    """A human, who says what becomes of a step that has failed."""
    APPROVAL = "approval"
    """A human, who is asked."""
    LOOP = "loop"
    """Instances of a loop that are going on."""
    LIMIT = "limit"
    """A place among as many instances of a loop, or steps under a limit, as may be at work."""
    QUEUE = "queue"
    """A worker of its queue that has a free slot."""
    HANDED_OUT = "handed_out"
    """The worker that was given its message, and has not claimed it."""
    NO_WORKER = "no_worker"
    """A worker of its queue: none is there."""
    NO_HANDLER = "no_handler"
    """A worker that has its handler: those of its queue lack it."""
    WORKER = "worker"
    """The worker that executes it."""
    LOST_WORKER = "lost_worker"
    """That the lease of a worker ends which is not there any more, and another one takes over."""
    COORDINATOR = "coordinator"
    """A coordinator, which has something to decide or to do."""
    NO_COORDINATOR = "no_coordinator"
    """The same, and nobody drives the run's partition."""
    CHILD = "child"
    """The run that its attempt is."""
    STOPPING = "stopping"
    """That attempts end: its run, or its loop, stops."""
    COMPENSATION = "compensation"
    """Compensations that come before its own."""
    BROKEN = "broken"
    """A record or a definition that cannot be read: somebody has to look at it."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is waited for. Times are seconds since the Unix epoch, 0 if there is none.

    Attributes:
        text: one sentence for people, without a full stop; times in it are relative to when it was
            found.
        subjects: what is waited for, by name: steps, a worker, a queue, a signal, a run; the first
            few if there are many.
        since: from when on, as far as that is known.
        until: when it ends at the latest, or happens.
        remedy: what somebody has to do; empty if it goes on by itself.
    """

    kind: ReasonKind
    text: str
    subjects: tuple[str, ...] = ()
    since: float = 0.0
    until: float = 0.0
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class StepDiagnosis:
    """A step that is not over, or an instance of a loop.

    Attributes:
        reasons: the first says what it waits for; others say more of that, or what else may happen.
    """

    id: str
    status: StepStatus
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a run does not move, as of one moment.

    Attributes:
        at: when it was asked for, epoch seconds.
        reasons: what the run as a whole waits for; often that is only what its steps do.
        steps: those that are not over, in topological order, and the first instances of loops.
        more: how many further instances of loops are going on.
        children: the same of runs that its steps are, if they were asked for.
    """

    run: str
    workflow: str
    status: RunStatus
    at: float
    reasons: tuple[Reason, ...] = ()
    steps: tuple[StepDiagnosis, ...] = ()
    more: int = 0
    children: tuple[Diagnosis, ...] = ()
