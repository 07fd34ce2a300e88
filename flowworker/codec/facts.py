"""What events mean to `decide`: CloudEvents -> core facts, and the run that one begins."""

from __future__ import annotations

__all__ = ["FACT_TYPES", "begun_run", "read_event", "to_fact"]

from typing import TYPE_CHECKING

import msgspec

from flowworker.codec.cloudevents import decode_event
from flowworker.codec.json import UNREADABLE, version_of
from flowworker.core import facts
from flowworker.core.attempt import Attempt
from flowworker.core.event_types import EVENT_VERSION, EventType
from flowworker.core.ids import RUN_ID
from flowworker.core.payload import EMPTY
from flowworker.core.records import ErrorInfo, RunRecord
from flowworker.core.status import Kind, RunStatus
from flowworker.errors import InvalidInput, NewerRelease

if TYPE_CHECKING:
    from flowworker.codec.cloudevents import CloudEvent, EventData

FACT_TYPES = (
    EventType.STARTED,
    EventType.STEP_COMPLETED,
    EventType.STEP_ATTEMPT_FAILED,
    EventType.STEP_ITERATED,
    EventType.STEP_CANCELLED,
    EventType.STEP_SKIPPED,
    EventType.STEP_COMPENSATED,
    EventType.HUMAN_DECIDED,
    EventType.CANCEL_REQUESTED,
    EventType.SIGNALLED,
    EventType.PAUSED,
    EventType.UNPAUSED,
    EventType.HELD,
    EventType.RELEASED,
    EventType.TIMED_OUT,
)
"""The types that `to_fact` understands: all that a scheduler needs to be delivered."""


class _Body(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"{}")


_decode_body = msgspec.json.Decoder(_Body).decode


def read_event(run: str, raw: bytes) -> CloudEvent:
    """An event of a run.

    Raises:
        InvalidInput: it can be none.
        NewerRelease: it has a form that this release does not know.
    """
    if RUN_ID.fullmatch(run) is None:
        raise InvalidInput(f"{run[:140]!r} cannot be a run id")
    try:
        event = decode_event(raw)
    except UNREADABLE as error:
        _check_version(run, raw, _version(raw))
        raise InvalidInput(str(error)) from error
    _check_version(run, raw, event.data.v)
    return event


def _check_version(run: str, raw: bytes, version: int) -> None:
    if version > EVENT_VERSION:
        found = f"in version {version} (this one reads {EVENT_VERSION})"
        raise NewerRelease(f"an event of run {run}", raw, found)


def _version(raw: bytes) -> int:
    """Of an event's data, whatever else is in it; 0 for what is none."""
    try:
        return version_of(_decode_body(raw).data)
    except UNREADABLE:
        return 0


def begun_run(event: CloudEvent) -> RunRecord:
    """The record of a run as it was created: the inverse of `cloudevents.run_started_event`."""
    data = event.data
    return RunRecord(
        run=data.id,
        workflow=data.name,
        definition=data.definition,
        version=data.version,
        status=RunStatus.RUNNING,
        input=data.input or EMPTY,
        created_at=data.at,
        priority=data.priority,
        origin=data.origin,
        sent=data.sent,
        reply_to=data.reply_to,
        trace=data.trace,
        trace_state=data.trace_state,
        parent=data.parent,
        depth=data.depth,
        schedule=data.schedule,
        labels=data.labels,
    )


def to_fact(event: CloudEvent) -> facts.Fact | None:
    """What an event means to `decide`; None for those that only announce what was decided."""
    data = event.data
    match event.type:
        case EventType.STEP_COMPLETED if data.kind is not None:
            return facts.StepCompleted(
                data.step,
                _attempt(data, data.kind),
                data.output or EMPTY,
                data.revision,
                data.reason,
            )
        case EventType.STARTED:
            return facts.RunStarted()
        case EventType.STEP_ATTEMPT_FAILED:
            return facts.AttemptFailed(
                data.step,
                _attempt(data, data.kind or Kind.RUN),
                ErrorInfo(
                    data.error_type,
                    data.error,
                    data.retryable,
                    data.retry_after,
                    data.error_bases,
                ),
                data.revision,
                data.at,
                data.since,
                data.spent,
                data.intervals,
            )
        case EventType.STEP_ITERATED:
            return facts.Iterated(
                data.step,
                _attempt(data, Kind.RUN),
                data.output or EMPTY,
                data.revision,
                data.at,
            )
        case EventType.STEP_CANCELLED:
            return facts.StepCancelled(data.step, data.revision)
        case EventType.STEP_SKIPPED if data.kind is not None:
            return facts.StepSkipped(data.step, data.revision, data.turn)
        case EventType.STEP_COMPENSATED:
            return facts.Compensated(data.step, data.revision)
        case _:
            return _request(event)


def _attempt(data: EventData, kind: Kind) -> Attempt:
    return Attempt(kind, data.turn, data.number, data.iteration)


def _request(event: CloudEvent) -> facts.Fact | None:
    """The same for what comes from outside."""
    data = event.data
    match event.type:
        case EventType.HUMAN_DECIDED if data.action is not None:
            return facts.HumanDecided(
                data.action, data.step, data.output, event.id, data.reason, data.actor
            )
        case EventType.CANCEL_REQUESTED:
            return facts.CancelRequested(data.reason, data.terminate)
        case EventType.PAUSED | EventType.UNPAUSED:
            pauses = event.type is EventType.PAUSED
            return facts.Steered(pauses, data.at, data.reason, data.actor)
        case EventType.HELD | EventType.RELEASED:
            pauses = event.type is EventType.HELD
            return facts.Steered(pauses, data.at, data.reason, data.actor, of_workflow=True)
        case EventType.SIGNALLED:
            return facts.Signalled(data.signal)
        case EventType.TIMED_OUT:
            return facts.TimedOut()
        case _:
            return None
