"""The words for states, on the wire and in every record. The Go package's words are among them."""

from __future__ import annotations

__all__ = [
    "ACTIVE",
    "APPROVALS",
    "TERMINAL",
    "HumanAction",
    "Kind",
    "Outcome",
    "Priority",
    "RunStatus",
    "SkipReason",
    "StepStatus",
]

from enum import StrEnum


class RunStatus(StrEnum):
    """The state of a whole run."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    WAITING_HUMAN = "WAITING_HUMAN"
    COMPENSATING = "COMPENSATING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


TERMINAL = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})
"""States that are written once and never change (invariant 3)."""

ACTIVE = tuple(status for status in RunStatus if status not in TERMINAL)
"""States in which a run may still need its coordinator."""


class StepStatus(StrEnum):
    """The state of one step, as decided from its record, the definition and the run."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    RETRYING = "RETRYING"
    REPEATING = "REPEATING"
    FALLBACK = "FALLBACK"
    WAITING_HUMAN = "WAITING_HUMAN"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"
    COMPENSATING = "COMPENSATING"
    COMPENSATED = "COMPENSATED"


class SkipReason(StrEnum):
    """Why a step is skipped, if no operator wanted it.

    WHEN: its own condition was false. UPSTREAM: its trigger rule cannot be met any more.
    UPSTREAM_FAILED: the same, because of a failure above.
    """

    WHEN = "when"
    UPSTREAM = "upstream"
    UPSTREAM_FAILED = "upstream_failed"


class Kind(StrEnum):
    """What an attempt executes: the step itself, its fallback, or its compensation."""

    RUN = "run"
    FALLBACK = "fallback"
    COMPENSATE = "compensate"


class Outcome(StrEnum):
    """How the latest attempt of a step stands: a fact that its worker wrote.

    FAILED means that this attempt failed. Whether the step then retries, falls back, waits for
    a human or fails for good is not a fact but a decision, and made in `decide`.

    SKIPPED stands in the place of a claim: the step's condition was false when it was judged.

    ITERATED means that an iteration of a step that is repeated succeeded. If it was the last, a
    coordinator makes it COMPLETED.
    """

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"
    ITERATED = "ITERATED"


class HumanAction(StrEnum):
    """What an operator may answer to a step that waits for one."""

    RETRY = "retry"
    CANCEL = "cancel"
    SKIP = "skip"
    COMPLETE = "complete"
    APPROVE = "approve"
    REJECT = "reject"


APPROVALS = frozenset({HumanAction.APPROVE, HumanAction.REJECT})
"""Answers to a step that asks; the others answer one that has failed."""


class Priority(StrEnum):
    """Which of a queue's three lanes a run's steps take; `high` overtakes `normal` and `low`."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"
