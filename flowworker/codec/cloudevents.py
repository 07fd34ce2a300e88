"""Events on the wire: CloudEvents 1.0 in JSON, from and to what `core` knows."""

from __future__ import annotations

__all__ = [
    "CloudEvent",
    "EventData",
    "about",
    "attempt_events",
    "cloud_event",
    "decode_event",
    "emitted",
    "recorded_events",
    "run_started_event",
    "scheduled_event",
    "settled_event",
    "started_event",
    "timestamp",
]

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_never

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from flowworker.codec.event_data import EventData
from flowworker.core.event_types import EventType
from flowworker.core.ids import defined_id, event_id, index_of
from flowworker.core.records import UNTIMED, ErrorInfo
from flowworker.core.status import Kind, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowworker.core.effects import Emit
    from flowworker.core.records import RunRecord, StepRecord


class CloudEvent(Struct, frozen=True):
    """The envelope. `id` is deterministic: what happens once has one id."""

    id: str
    source: str
    type: EventType
    time: str
    data: EventData
    specversion: str = "1.0"
    datacontenttype: str = "application/json"


_NO_ERROR = ErrorInfo("", "")
_SUCCESSES = frozenset({Outcome.COMPLETED, Outcome.ITERATED})

decode_event = msgspec.json.Decoder(CloudEvent).decode


def cloud_event(
    namespace: str, event_type: EventType, data: EventData, now: float, detail: str = ""
) -> CloudEvent:
    """An event of a run. `detail` distinguishes it from others of its type in the same run."""
    return CloudEvent(
        id=event_id(data.id, event_type, detail),
        source=f"/{namespace}/{data.name}/{data.id}",
        type=event_type,
        time=timestamp(now),
        data=data,
    )


def timestamp(seconds: float) -> str:
    """A moment as RFC 3339 has it, from seconds since the Unix epoch."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def about(step: str) -> dict[str, Any]:
    """Which step an event is about, as its data say it."""
    index = index_of(step)
    return {"step_id": step} if index is None else {"step_id": defined_id(step), "index": index}


def emitted(namespace: str, record: RunRecord, emit: Emit, revision: int, now: float) -> CloudEvent:
    """The event that `decide` asked for."""
    data = EventData(
        id=record.run,
        name=record.workflow,
        version=record.version,
        **about(emit.step_id),
        number=emit.number,
        error=emit.error,
        reason=emit.reason,
        fallback_to=emit.fallback_to,
        delay=emit.delay,
        steps_count=emit.steps_count,
        failed_compensations=emit.failed_compensations,
        revision=revision,
        at=now,
        output=record.output if emit.type is EventType.COMPLETED else None,
    )
    return cloud_event(namespace, emit.type, data, now, emit.detail)


def run_started_event(namespace: str, record: RunRecord, revision: int = 0) -> CloudEvent:
    """The first event of a run, with all that its scheduler needs to begin.

    `revision` is that of the record as it was created; 0 says that the run may have gone on since,
    so that its scheduler has to read it. So it has to if there are secrets, which no event has.
    """
    revision = 0 if record.secrets is not None else revision
    data = EventData(
        id=record.run,
        name=record.workflow,
        version=record.version,
        definition=record.definition,
        input=record.input,
        revision=revision,
        at=record.created_at,
        priority=record.priority,
        origin=record.origin,
        sent=record.sent,
        reply_to=record.reply_to,
        trace=record.trace,
        trace_state=record.trace_state,
        rerun_of=record.rerun_of,
        parent=record.parent,
        depth=record.depth,
        schedule=record.schedule,
        labels=record.labels,
    )
    return cloud_event(namespace, EventType.STARTED, data, record.created_at)


def scheduled_event(namespace: str, record: RunRecord) -> CloudEvent:
    """The event of a run that is to begin later, at the time that its `at` says."""
    data = EventData(
        id=record.run, name=record.workflow, version=record.version, at=record.begins_at
    )
    return cloud_event(namespace, EventType.SCHEDULED, data, record.created_at)


def started_event(
    namespace: str, workflow: str, version: str, record: StepRecord, revision: int
) -> CloudEvent:
    """The event for the claim of a step's first attempt; one per turn and iteration.

    The record may have an outcome by now: published late, it says no more than in time.
    """
    if record.outcome is not Outcome.RUNNING:
        record = replace(record, outcome=Outcome.RUNNING, error=None)
    data = _attempt(workflow, version, record, revision, record.started_at)
    detail = f"{record.step}/{record.turn}"
    if record.iteration:
        detail = f"{detail}.{record.iteration}"
    return cloud_event(namespace, EventType.STEP_STARTED, data, record.started_at, detail)


def settled_event(
    namespace: str, workflow: str, version: str, record: StepRecord, revision: int
) -> CloudEvent | None:
    """The event for an attempt that has ended; None while it is running.

    It follows from the record alone, so that any process can publish it again.
    """
    data = _attempt(workflow, version, record, revision, record.finished_at)
    if record.is_kept:
        kept = EventData(
            id=data.id,
            name=data.name,
            version=data.version,
            step_id=data.step_id,
            index=data.index,
            kind=data.kind,
            turn=data.turn,
            worker=data.worker,
            revision=data.revision,
            at=data.at,
            kept_from=record.kept_from,
        )
        return cloud_event(namespace, EventType.STEP_KEPT, kept, record.finished_at, record.step)
    turn = f"{record.step}/{record.turn}"
    match record.outcome:
        case Outcome.RUNNING:
            return None
        case Outcome.COMPLETED if record.kind is Kind.COMPENSATE:
            event_type, detail = EventType.STEP_COMPENSATED, record.step
        case Outcome.COMPLETED:
            event_type, detail = EventType.STEP_COMPLETED, turn
        case Outcome.FAILED:
            event_type, detail = EventType.STEP_ATTEMPT_FAILED, _tried(record)
        case Outcome.CANCELLED:
            event_type, detail = EventType.STEP_CANCELLED, _tried(record)
        case Outcome.SKIPPED:
            event_type, detail = EventType.STEP_SKIPPED, turn
        case Outcome.ITERATED:
            event_type, detail = EventType.STEP_ITERATED, _tried(record)
        case _:
            assert_never(record.outcome)
    data = replace(data, started_at=record.started_at)
    return cloud_event(namespace, event_type, data, record.finished_at, detail)


def attempt_events(
    namespace: str, workflow: str, version: str, record: StepRecord, revision: int
) -> list[CloudEvent]:
    """All events of an attempt, in order, as they follow from its record.

    That one has begun which a worker executes is the worker's to tell, until it has ended.
    """
    settled = settled_event(namespace, workflow, version, record, revision)
    if settled is None and record.worker:
        return []
    ended = [] if settled is None else [settled]
    if record.kind is Kind.RUN and record.number == 1 and record.started_at > 0.0:
        return [started_event(namespace, workflow, version, record, revision), *ended]
    return ended


def recorded_events(
    namespace: str, run: RunRecord, steps: Iterable[tuple[StepRecord, int]]
) -> Iterator[CloudEvent]:
    """The run's start, and what the records of its steps say, in the order of their revisions."""
    if not run.is_early:  # else it was stopped before it began
        yield run_started_event(namespace, run)
    for step, revision in sorted(steps, key=lambda found: found[1]):
        yield from attempt_events(namespace, run.workflow, run.version, step, revision)


def _tried(record: StepRecord) -> str:
    return f"{record.step}/{record.attempt}"


def _attempt(
    workflow: str, version: str, record: StepRecord, revision: int, at: float
) -> EventData:
    succeeded = record.outcome in _SUCCESSES and record.kind is not Kind.COMPENSATE
    failed = record.outcome is Outcome.FAILED
    error = record.error or _NO_ERROR
    index = index_of(record.step)
    return EventData(
        id=record.run,
        name=workflow,
        version=version,
        step_id=record.step if index is None else defined_id(record.step),
        index=index,
        kind=record.kind,
        turn=record.turn,
        number=record.number,
        iteration=record.iteration,
        error=error.message,
        error_type=error.type,
        error_bases=error.bases,
        retryable=error.retryable,
        retry_after=error.retry_after,
        since=record.since if failed else UNTIMED,  # these are for the retry policy
        spent=record.spent if failed else (),
        intervals=record.intervals if failed else (),
        reason=record.reason,
        worker=record.worker,
        revision=revision,
        at=at,
        output=record.output if succeeded else None,
        child=record.child if record.kind is Kind.RUN else "",
    )
