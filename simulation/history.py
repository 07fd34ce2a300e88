"""What a run's history says: in an order that makes sense, and nothing that is not so."""

from __future__ import annotations

__all__ = ["check_event", "check_history"]

from collections import Counter
from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import decode_event
from flowworker.core.event_types import END_OF, EventType
from flowworker.core.status import TERMINAL, HumanAction, Kind, Outcome, RunStatus
from simulation.rules import expect

if TYPE_CHECKING:
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.core.records import StepRecord
    from simulation.truth import Truth

_OUTCOMES = {
    EventType.STEP_COMPLETED: Outcome.COMPLETED,
    EventType.STEP_COMPENSATED: Outcome.COMPLETED,
    EventType.STEP_ATTEMPT_FAILED: Outcome.FAILED,
    EventType.STEP_CANCELLED: Outcome.CANCELLED,
}

MAY_COME_LATE = {
    EventType.STEP_STARTED,
    EventType.STEP_WAITING_HANDLER,
}
"""The news that an attempt began, of a worker that has lost its claim meanwhile, or waits, of one
that never had it."""


def check_event(truth: Truth, told: CloudEvent) -> None:
    """An event is told for the first time: what it tells is durable, and in time."""
    run, where = truth.run, told.id
    if told.type is not EventType.STARTED:
        expect(_is_told(truth, EventType.STARTED), "told before the start", where)
    if truth.ended and told.type not in MAY_COME_LATE:
        expect(truth.gone, "told after the end", where)
    if told.type in END_OF.values():
        expect(not truth.ended, "a second end", where)
        expect(END_OF.get(truth.record.status) is told.type, "an end that is none", where)
        unpublished = _unpublished(truth)
        expect(not unpublished, "the end is told before what led to it", f"{run} {unpublished}")
        truth.ended = True
    data = told.data
    outcome = _OUTCOMES.get(told.type)
    if outcome is not None and data.kind is not None:
        settled = truth.settled.get((data.step_id, data.revision))
        found = settled is not None and settled.outcome is outcome
        expect(found, "told before it is durable", where)
    if told.type is EventType.COMPENSATING:
        begun = truth.record.status is RunStatus.COMPENSATING or truth.over
        expect(begun, "the saga is told before it is durable", where)
    if told.type in {EventType.STEP_FAILED, EventType.COMPENSATING}:
        expect(truth.record.stop is not None, "a failure is told before it is durable", where)


def _is_told(truth: Truth, event_type: EventType) -> bool:
    return event_type in truth.told.values()


def _unpublished(truth: Truth) -> list[str]:
    """Outcomes of steps, as they stand, that nobody has told."""
    records = [record for record, _ in truth.steps.values()]
    ids = [f"{truth.run}/{_told_as(record)}" for record in records]
    return [event for event in ids if event not in truth.told]


def _told_as(record: StepRecord) -> str:
    attempt = f"{record.step}/{record.attempt}"
    match record.outcome:
        case Outcome.COMPLETED if record.kind is Kind.COMPENSATE:
            return f"{EventType.STEP_COMPENSATED}/{record.step}"
        case Outcome.COMPLETED:
            return f"{EventType.STEP_COMPLETED}/{record.step}/{record.turn}"
        case Outcome.FAILED:
            return f"{EventType.STEP_ATTEMPT_FAILED}/{attempt}"
        case Outcome.CANCELLED:
            return f"{EventType.STEP_CANCELLED}/{attempt}"
        case Outcome.RUNNING:
            return f"not settled: {attempt}"


def check_history(truth: Truth, history: list[bytes]) -> None:
    """A run is over: its history has one beginning and one end."""
    first: dict[str, CloudEvent] = {}
    for raw in history:
        if b'"type":"workflow.' in raw:
            event = decode_event(raw)
            first.setdefault(event.id, event)
    types = [event.type for event in first.values() if event.type is not EventType.REJECTED]
    run = truth.run
    expect(truth.record.status in TERMINAL, "no end", run)
    expect(types.count(EventType.STARTED) == 1, "not exactly one start", f"{run} {types}")
    expect(types[0] is EventType.STARTED, "the start is not the first", f"{run} {types}")
    ends = [kind for kind in types if kind in END_OF.values()]
    expect(ends == [END_OF[truth.record.status]], "not exactly one end", f"{run} {types}")
    _check_answers(truth, list(first.values()))


def _check_answers(truth: Truth, history: list[CloudEvent]) -> None:
    """Every decision follows from an answer of its own."""
    asked: Counter[tuple[str, HumanAction]] = Counter()
    for event in history:
        if event.type is EventType.HUMAN_DECIDED and event.data.action is not None:
            asked[event.data.step_id, event.data.action] += 1
    for step, past in truth.record.decisions.items():
        for action, followed in Counter(decision.action for decision in past).items():
            answers = asked[step, action] + asked["", action]
            where = f"{truth.run} {step}: {action}"
            expect(followed <= answers, "an answer was followed twice", where)
