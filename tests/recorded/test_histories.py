"""A coordinator of this release makes of recorded records and histories what was made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from flowworker.codec.cloudevents import decode_event, emitted
from flowworker.codec.json import decode_run, decode_step
from flowworker.codec.messages import decode_step_message
from flowworker.coordinator.history import History
from flowworker.core.decide import decide
from flowworker.core.effects import Dispatch, Effect, Emit, Expand, Finish, Question
from flowworker.core.event_types import ENDS, EventType
from flowworker.core.graph import Plan
from flowworker.core.ids import COORDINATOR
from flowworker.core.rebuild import rebuild
from flowworker.core.records import RunRecord, StepRecord
from flowworker.core.state import RunState, initial
from flowworker.core.status import TERMINAL, Outcome, RunStatus
from flowworker.definitions import content
from flowworker.ports import StoredEvent
from tests.recorded.answers import STEPS, answer
from tests.recorded.files import Message
from tests.recorded.recording import EVENTS, RECORDINGS, Recording

NAMESPACE = "flowworker"
LATER = 3600.0
"""Seconds after a run began: whatever lease there was is over."""

DECIDED = (
    *ENDS,
    *(EventType.COMPENSATING, EventType.WAITING_HUMAN, EventType.STEP_COMPENSATION_FAILED),
    *(EventType.STEP_FAILED, EventType.STEP_RETRYING, EventType.STEP_FALLBACK),
    EventType.STEP_SKIPPED,
)
"""What coordinators publish because they have decided it."""

OF_ENGINE = [
    pytest.param(recording, run, id=f"{recording}-{run}")
    for recording in RECORDINGS
    for run in recording.runs()
    if not run.startswith("checkpointed")
]


@dataclass
class Moment:
    """What was stored of a run when it had sent some of its messages."""

    plan: Plan
    record: RunRecord
    revision: int
    steps: dict[str, tuple[StepRecord, int]]
    events: list[StoredEvent]

    @classmethod
    def after(cls, recording: Recording, sent: list[Message]) -> Moment:
        record, revision = None, 0
        steps, events = {}, []
        for each in sent:
            if each.subject.startswith(STEPS):
                continue
            if each.subject.startswith(EVENTS):
                sender, event_type = each.subject.split(".", 5)[4:]
                events.append(StoredEvent(sender, event_type, each.data))
            elif each.key.startswith("run."):
                record, revision = decode_run(each.key, each.data), each.sequence
            elif each.key.startswith("step."):
                step = decode_step(each.key, each.data)
                steps[step.step] = step, each.sequence
        assert record is not None
        definition = recording.definitions[f"def.{record.definition}"]
        plan = content.plan_of(content.decode(definition))
        return cls(plan, record, revision, steps, events)

    def is_over(self, wanted: Dispatch) -> bool:
        """Whether the attempt has ended by then, or a later one has begun."""
        record, _ = self.steps.get(wanted.step, (None, 0))
        if record is None:
            return False
        ended = record.outcome is not Outcome.RUNNING
        asked = wanted.attempt
        return asked <= record.attempt if ended else asked < record.attempt

    def has_skipped(self, step: str) -> bool:
        """Whether the step's own condition was false, which its record says."""
        record, _ = self.steps.get(step, (None, 0))
        return record is not None and record.outcome is Outcome.SKIPPED

    def rebuilt(self, later: Sequence[Message] = ()) -> tuple[RunState, list[Effect], History]:
        """State, effects that are not done yet as far as the history shows, and the history.

        What is asked is answered as it was then, if what was sent `later` has the answer.
        """
        history = History(self.record.run, self.plan, self.events, self.record.origin)
        if not self.record.is_prepared:
            return initial(self.plan, self.record, self.revision), [], history
        now = self.record.created_at + LATER
        state, effects = rebuild(
            self.plan,
            self.record,
            self.revision,
            self.steps,
            now,
            requests=history.requests,
        )
        found = list(effects)
        for each in found:
            fact = answer(each, later) if isinstance(each, Question) else None
            if fact is not None:
                state, following = decide(self.plan, state, fact, now)
                found += following
        left = [
            each
            for each in found
            if not isinstance(each, Emit) or event_id(self.record, each) not in history
        ]
        return state, left, history


def event_id(record: RunRecord, emit: Emit) -> str:
    return emitted(NAMESPACE, record, emit, 0, 0.0).id


@pytest.mark.parametrize(("recording", "run"), OF_ENGINE)
def test_at_its_end_nothing_is_left_to_do(recording: Recording, run: str):
    moment = Moment.after(recording, recording.of_run(run))

    state, left, history = moment.rebuilt()

    assert moment.record.status in TERMINAL
    assert state.record == moment.record
    assert left == [Finish()]
    assert not history.is_ahead(moment.revision, moment.steps, moment.record.finished_at)


@pytest.mark.parametrize(("recording", "run"), OF_ENGINE)
def test_at_any_moment_the_same_is_decided_as_then(recording: Recording, run: str):
    sent = recording.of_run(run)
    checked = 0

    for place, following in enumerate(sent[1:], 1):
        moment = Moment.after(recording, sent[:place])
        state, left, _ = moment.rebuilt(sent[place:])
        if following.subject.startswith(STEPS) and following.data:  # else a step waits
            wanted = decode_step_message(following.data).wanted()
            assert attempt(wanted) in {attempt(each) for each in dispatches(left)}
        elif following.subject.endswith(DECIDED):
            event = decode_event(following.data)
            decided = {event_id(state.record, each) for each in emits(left)}
            assert event.id in decided or moment.has_skipped(event.data.step_id)
        elif following.key.startswith("run."):
            record = decode_run(following.key, following.data)
            if has_begun(moment.record, record):
                continue
            assert replace(state.record, finished_at=record.finished_at) == record
        elif following.key.startswith(f"step.{COORDINATOR}."):
            begun = decode_step(following.key, following.data)
            if begun.outcome is not Outcome.RUNNING:
                continue
            assert (begun.step, begun.attempt) in {attempt(each) for each in begins(left)}
        else:
            continue
        checked += 1

    assert checked > 1  # one that never begins has little


@pytest.mark.parametrize(("recording", "run"), OF_ENGINE)
def test_at_any_moment_nothing_is_decided_that_was_not_decided_then(recording: Recording, run: str):
    sent = recording.of_run(run)
    whole = Moment.after(recording, sent)
    recorded = History(run, whole.plan, whole.events, whole.record.origin)
    dispatched = {
        attempt(decode_step_message(each.data).wanted())
        for each in sent
        if each.subject.startswith(STEPS) and each.data
    }

    for place in range(1, len(sent) + 1):
        moment = Moment.after(recording, sent[:place])
        left = moment.rebuilt(sent[place:])[1]
        assert all(event_id(whole.record, each) in recorded for each in emits(left))
        sent_to_workers = {
            attempt(each) for each in dispatches(left) if is_for_workers(whole.plan, each)
        }
        assert sent_to_workers <= dispatched
        assert not any(moment.is_over(each) for each in left if isinstance(each, Dispatch))


def has_begun(before: RunRecord, record: RunRecord) -> bool:
    """Whether its time has come, or all is there that a rerun keeps: nobody decides upon that."""
    return before.status is RunStatus.PENDING and record.status is RunStatus.RUNNING


def emits(effects: list[Effect]) -> list[Emit]:
    return [each for each in effects if isinstance(each, Emit)]


def dispatches(effects: list[Effect]) -> list[Dispatch]:
    return [each for each in effects if isinstance(each, Dispatch)]


def begins(effects: list[Effect]) -> list[Dispatch | Expand]:
    """By what steps begin that have no worker."""
    return [each for each in effects if isinstance(each, Dispatch | Expand)]


def is_for_workers(plan: Plan, wanted: Dispatch) -> bool:
    """Whether a message is sent: not for a step that waits, nor perhaps with a condition."""
    step = plan.step(wanted.step)
    return bool(step.uses) and step.when is None


def attempt(dispatch: Dispatch | Expand) -> tuple[Any, ...]:
    return dispatch.step, dispatch.attempt
