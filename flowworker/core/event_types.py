"""The types of events, as they are on the wire."""

from __future__ import annotations

__all__ = ["ENDS", "END_OF", "EVENT_VERSION", "EventType"]

from enum import StrEnum

from flowworker.core.status import TERMINAL

EVENT_VERSION = 1
"""Of the form of events' data, which says so only if it is another."""


class EventType(StrEnum):
    """The first ten are those of the Go package."""

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

    SIGNALLED = "workflow.signalled"
    PAUSED = "workflow.paused"
    UNPAUSED = "workflow.unpaused"
    HELD = "workflow.held"
    RELEASED = "workflow.released"
    SCHEDULED = "workflow.scheduled"
    REJECTED = "workflow.rejected"
    CANCELLED = "workflow.cancelled"
    CANCEL_REQUESTED = "workflow.cancel_requested"
    HUMAN_DECIDED = "workflow.human_decided"
    TIMED_OUT = "workflow.timed_out"
    STEP_ATTEMPT_FAILED = "workflow.step.attempt_failed"
    STEP_ITERATED = "workflow.step.iterated"
    STEP_SKIPPED = "workflow.step.skipped"
    STEP_CANCELLED = "workflow.step.cancelled"
    STEP_COMPENSATED = "workflow.step.compensated"
    STEP_COMPENSATION_FAILED = "workflow.step.compensation_failed"
    STEP_KEPT = "workflow.step.kept"
    STEP_WAITING_HANDLER = "workflow.step.waiting_handler"


END_OF = {status: EventType[status.name] for status in sorted(TERMINAL)}
"""The last event of a run, by its status: they have the same names."""

ENDS = frozenset(END_OF.values())
"""Events of which a run has one, and none after it."""
