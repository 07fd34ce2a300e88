"""The names of all spans' attributes; docs/reference/traces.md says what each means.

Attempts and emitted events follow OpenTelemetry's conventions for messaging. Runs and attempts have
the shape of its pipeline runs and task runs (`cicd.pipeline.*`), under names of our own: a workflow
is no pipeline that builds software.
"""

from __future__ import annotations

__all__ = ["SYSTEM", "Attribute", "LinkKind", "Result", "attempt_result", "run_result"]

from enum import StrEnum
from typing import TYPE_CHECKING

from flowworker.core.records import StopReason
from flowworker.core.status import Outcome, RunStatus

if TYPE_CHECKING:
    from flowworker.core.records import RunRecord, StepRecord

SYSTEM = "nats"


class Attribute(StrEnum):
    """Keys of attributes."""

    SYSTEM = "messaging.system"
    OPERATION_TYPE = "messaging.operation.type"
    OPERATION_NAME = "messaging.operation.name"
    DESTINATION = "messaging.destination.name"
    MESSAGE_ID = "messaging.message.id"
    CLIENT_ID = "messaging.client.id"
    ERROR_TYPE = "error.type"
    WORKFLOW = "flowworker.workflow.name"
    VERSION = "flowworker.workflow.version"
    RUN = "flowworker.run.id"
    RUN_RESULT = "flowworker.run.result"
    NEEDS_ATTENTION = "flowworker.run.needs_attention"
    STEP = "flowworker.step.id"
    HANDLER = "flowworker.step.handler"
    TURN = "flowworker.attempt.turn"
    NUMBER = "flowworker.attempt.number"
    LOST = "flowworker.attempt.lost"
    RESULT = "flowworker.attempt.result"
    LINK = "flowworker.link"


class LinkKind(StrEnum):
    """What a link leads to: values of `Attribute.LINK`."""

    DEPENDENCY = "dependency"
    RETRY = "retry"
    ATTEMPT = "attempt"


class Result(StrEnum):
    """How a run or an attempt ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLATION = "cancellation"
    LOST = "lost"
    RELEASED = "released"


_OF_ERRORS = {
    "Timeout": Result.TIMEOUT,
    "HeartbeatTimeout": Result.TIMEOUT,
    "WorkerLost": Result.ERROR,
    "HandlerNotFound": Result.ERROR,
}
"""Failures that are not the handler's own, by the type of their error."""


def attempt_result(record: StepRecord) -> Result:
    """How an attempt ended, by its record."""
    if record.outcome in {Outcome.COMPLETED, Outcome.ITERATED}:
        return Result.SUCCESS
    if record.outcome is Outcome.CANCELLED:
        return Result.CANCELLATION
    return (
        Result.FAILURE
        if record.error is None
        else _OF_ERRORS.get(record.error.type, Result.FAILURE)
    )


def run_result(record: RunRecord) -> Result:
    """How a run ended, by its record."""
    if record.status is RunStatus.COMPLETED:
        return Result.SUCCESS
    if record.status is RunStatus.CANCELLED:
        return Result.CANCELLATION
    timed_out = record.stop is not None and record.stop.reason is StopReason.TIMED_OUT
    return Result.TIMEOUT if timed_out else Result.FAILURE
