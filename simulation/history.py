"""What a run's history says: in an order that makes sense, and nothing that is not so."""

from __future__ import annotations

__all__ = [
    "check_event",
    "check_history",
    "check_message",
    "recorded",
    "unpublished",
]

from collections import Counter
from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import decode_event
from flowworker.core.event_types import END_OF, EventType
from flowworker.core.ids import event_id
from flowworker.core.records import StopReason
from flowworker.core.status import TERMINAL, HumanAction, Kind, Outcome
from simulation.conditions import check_condition
from simulation.expecting import expect
from simulation.pauses import check_begins

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.codec.messages import StepMessage
    from flowworker.core.records import StepRecord
    from flowworker.ports import StoredEvent
    from simulation.process import Process
    from simulation.truth import Truth

_OUTCOMES = {
    EventType.STEP_COMPLETED: Outcome.COMPLETED,
    EventType.STEP_ITERATED: Outcome.ITERATED,
    EventType.STEP_COMPENSATED: Outcome.COMPLETED,
    EventType.STEP_ATTEMPT_FAILED: Outcome.FAILED,
    EventType.STEP_CANCELLED: Outcome.CANCELLED,
    EventType.STEP_SKIPPED: Outcome.SKIPPED,
}

MAY_COME_LATE = {
    EventType.STEP_STARTED,
    EventType.STEP_WAITING_HANDLER,
}
"""Published by a worker that has lost its claim meanwhile, or never had it."""

_ANNOUNCED = {EventType.STEP_RETRYING, EventType.STEP_FALLBACK}

_FOLLOWED = {
    HumanAction.SKIP: EventType.STEP_SKIPPED,
    HumanAction.COMPLETE: EventType.STEP_COMPLETED,
}


def check_event(truth: Truth, event: CloudEvent, writer: Process) -> None:
    """An event is published for the first time: what it says is durable, and in time."""
    where = event.id
    if event.type is EventType.STARTED:
        expect(not truth.rejected, "a run begins whose start was rejected", where)
    elif not _may_precede(truth, event):
        expect(EventType.STARTED in truth.published.values(), "published before the start", where)
    is_end = event.type in END_OF.values()
    if truth.ended and event.type not in MAY_COME_LATE:
        held_up = writer.was_held_up() and not is_end
        expect(truth.gone or held_up, "published after the end", where)
    if is_end:
        _check_end(truth, event)
        truth.ended = True
    data = event.data
    outcome = _OUTCOMES.get(event.type)
    if outcome is not None and data.kind is not None:
        settled = truth.settled.get((data.step, data.revision))
        found = settled is not None and settled.outcome is outcome
        expect(found, "published before it is durable", where)
    if event.type is EventType.COMPENSATING:
        begun = truth.saga_begun or truth.over
        expect(begun, "the saga is published before it is durable", where)
    passed_over = event.type is EventType.STEP_FAILED and truth.goes_on_after(data.step)
    if event.type in {EventType.STEP_FAILED, EventType.COMPENSATING} and not passed_over:
        expect(truth.record.stop is not None, "a failure is published before it is durable", where)
    if event.type in _ANNOUNCED:
        _check_announced(truth, event, writer)


def _may_precede(truth: Truth, event: CloudEvent) -> bool:
    """Whether it may come before the start: that is later, or never, or of what was kept."""
    delayed = truth.created.begins_at > 0.0 or truth.created.admission is not None
    asked = {EventType.SIGNALLED, EventType.CANCEL_REQUESTED, EventType.HUMAN_DECIDED}
    asked |= {EventType.PAUSED, EventType.UNPAUSED}
    # Who asks may have seen it before it began, and so may who says what is kept.
    before = {EventType.SCHEDULED, EventType.STEP_KEPT, *asked}
    return delayed and (event.type in before or truth.record.is_early)


def check_message(truth: Truth, message: StepMessage, writer: str) -> None:
    """A step message is stored: what led to it is durable and published."""
    where = f"{message.run} {message.step} {message.attempt}"
    step = truth.plan.step(message.step)
    if not (step.limits or step.concurrency or step.throttle or step.fairness):
        check_begins(truth, writer, where)  # else another run lets it in, and looks then
    if message.kind is Kind.COMPENSATE:
        # One that was cut off may enqueue again what is over: `finally` may run by now.
        begun = truth.saga_begun or truth.over
        expect(begun, "a compensation is enqueued without a saga", where)
    else:
        expect(truth.ready(message.step), "enqueued before what it depends on", where)
        if message.kind is Kind.RUN:
            check_condition(truth, message.step, where)
    missing = [event for event in _causes(message) if event not in truth.published]
    expect(not missing, "enqueued before its cause is published", f"{where}: {missing}")


def _check_announced(truth: Truth, event: CloudEvent, writer: Process) -> None:
    """Nothing follows a failure, but the end, once its reader has stopped the run."""
    kind = Kind.COMPENSATE if f"/{Kind.COMPENSATE}/" in event.id else Kind.RUN
    if _may_begin(truth, kind, writer) or truth.plan.closes(event.data.step):
        return
    failed, revision = truth.steps[event.data.step]
    late = failed.outcome is Outcome.FAILED and revision > truth.stopped_by[writer.name][1]
    expect(not late, "what cannot happen any more is published", event.id)


def _may_begin(truth: Truth, kind: Kind, writer: Process) -> bool:
    """Whether that process, by what it wrote itself, may still begin attempts of that kind."""
    if writer.name not in truth.stopped_by or writer.stale is not None:
        return True
    reason, _ = truth.stopped_by[writer.name]
    return kind is Kind.COMPENSATE and reason is not StopReason.TERMINATED


def _causes(message: StepMessage) -> Iterator[str]:
    """Ids of the events that come before this attempt in every history."""
    run, step, kind, turn = message.run, message.step, message.kind, message.turn
    if message.number > 1:
        yield event_id(run, EventType.STEP_RETRYING, f"{step}/{message.attempt}")
    if kind is Kind.COMPENSATE:
        yield event_id(run, EventType.COMPENSATING)
    elif turn > 1:
        yield event_id(run, EventType.WAITING_HUMAN, f"{step}/{turn - 1}")


def _check_end(truth: Truth, end: CloudEvent) -> None:
    """It says what the run's record says, and comes after all that led to it."""
    run, record = truth.run, truth.record
    expect(not truth.ended, "a second end", end.id)
    expect(END_OF.get(record.status) is end.type, "an end that is none", end.id)
    expect(end.data.error == record.error, "an end with the wrong error", end.id)
    same = end.data.failed_compensations == record.failed_compensations
    expect(same, "an end that names the wrong compensations", end.id)
    missing = [event for event in _before_the_end(truth) if event not in truth.published]
    expect(not missing, "the end is published before what led to it", f"{run} {missing}")
    stop = record.stop
    if stop is not None and stop.step:
        last, _ = truth.steps.get(stop.step, (None, 0))
        ended = truth.plan.step(stop.step).end is not None
        ended = ended and last is not None and last.outcome is Outcome.COMPLETED
        kind = EventType.STEP_COMPLETED if ended else EventType.STEP_FAILED
        named = f"{run}/{kind}/{stop.step}/"
        found = any(event.startswith(named) for event in truth.published)
        expect(found, "the step that ended the run is not named", run)


def _before_the_end(truth: Truth) -> Iterator[str]:
    """Ids of the events of outcomes as they stand, of answers, and of the saga."""
    run, record = truth.run, truth.record
    yield from recorded(truth)
    for step, answers in record.decisions.items():
        for answer in answers:
            if answer.action in _FOLLOWED:
                yield event_id(run, _FOLLOWED[answer.action], f"{step}/{answer.turn}")


def recorded(truth: Truth) -> Iterator[str]:
    """Ids of those that anybody can publish again who reads the records."""
    run, record = truth.run, truth.record
    for settled, _ in truth.steps.values():
        yield f"{run}/{_published_as(settled)}"
    if truth.undone:
        yield event_id(run, EventType.COMPENSATING)
    for step in record.failed_compensations:
        yield event_id(run, EventType.STEP_COMPENSATION_FAILED, step)


def unpublished(truth: Truth) -> list[str]:
    """Ids of the events of attempts that ended, of which nobody has heard."""
    ended = (one for one, _ in truth.steps.values() if one.outcome is not Outcome.RUNNING)
    ids = (f"{truth.run}/{_published_as(one)}" for one in ended)
    return [event for event in ids if event not in truth.published]


def _published_as(record: StepRecord) -> str:
    attempt = f"{record.step}/{record.attempt}"
    if record.is_kept:
        return f"{EventType.STEP_KEPT}/{record.step}"
    match record.outcome:
        case Outcome.COMPLETED if record.kind is Kind.COMPENSATE:
            return f"{EventType.STEP_COMPENSATED}/{record.step}"
        case Outcome.COMPLETED:
            return f"{EventType.STEP_COMPLETED}/{record.step}/{record.turn}"
        case Outcome.FAILED:
            return f"{EventType.STEP_ATTEMPT_FAILED}/{attempt}"
        case Outcome.CANCELLED:
            return f"{EventType.STEP_CANCELLED}/{attempt}"
        case Outcome.SKIPPED:
            return f"{EventType.STEP_SKIPPED}/{record.step}/{record.turn}"
        case Outcome.ITERATED:
            return f"{EventType.STEP_ITERATED}/{attempt}"
        case Outcome.RUNNING:
            return f"not settled: {attempt}"


def check_history(truth: Truth, history: list[StoredEvent], forged: Container[bytes]) -> None:
    """A run is over: its history has one beginning and one end."""
    first: dict[str, CloudEvent] = {}
    for stored in history:
        if stored.type.startswith("workflow.") and stored.data not in forged:
            event = decode_event(stored.data)
            first.setdefault(event.id, event)
    types = [event.type for event in first.values() if event.type is not EventType.REJECTED]
    run = truth.run
    expect(truth.record.status in TERMINAL, "no end", run)
    starts = 0 if truth.record.is_early else 1  # it never came to that
    expect(types.count(EventType.STARTED) == starts, "not exactly one start", f"{run} {types}")
    later = truth.created.begins_at > 0.0 or truth.created.admission is not None
    right = later or truth.robbed or types[0] is EventType.STARTED  # or it was lost meanwhile
    expect(right, "the start is not the first", f"{run} {types}")
    ends = [kind for kind in types if kind in END_OF.values()]
    expect(ends == [END_OF[truth.record.status]], "not exactly one end", f"{run} {types}")
    _check_answers(truth, list(first.values()))


def _check_answers(truth: Truth, history: list[CloudEvent]) -> None:
    """Every decision follows from an answer of its own."""
    asked: Counter[tuple[str, HumanAction]] = Counter()
    for event in history:
        if event.type is EventType.HUMAN_DECIDED and event.data.action is not None:
            asked[event.data.step, event.data.action] += 1
    for step, past in truth.record.decisions.items():
        for action, followed in Counter(decision.action for decision in past).items():
            answers = asked[step, action] + asked["", action]
            where = f"{truth.run} {step}: {action}"
            expect(followed <= answers, "an answer was followed twice", where)
