"""A world for the pure core to act in: records, a history, a queue, and what must always hold.

Everything durable of one run, in a few dictionaries. `actors` holds those who act on it, `chaos`
decides who acts when. Every write is checked against the invariants as it is made.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from msgspec import Struct

from flowworker.core import facts
from flowworker.core.claim import MAX_LOST
from flowworker.core.effects import Dispatch, Emit
from flowworker.core.event_types import EventType
from flowworker.core.graph import Plan
from flowworker.core.ids import attempt_key, event_id
from flowworker.core.payload import EMPTY, Payload
from flowworker.core.records import ErrorInfo, RunRecord, StepRecord, StopReason
from flowworker.core.status import TERMINAL, HumanAction, Kind, Outcome, RunStatus
from flowworker.errors import Conflict

RUN = "r1"
LEASE = 10.0


class Told(Struct, frozen=True):
    """One entry of the run's history."""

    id: str
    type: EventType
    fact: facts.Fact | None = None
    emit: Emit | None = None
    record: StepRecord | None = None

    @property
    def step(self) -> str:
        """The step that it is about, or nothing."""
        if self.emit is not None:
            return self.emit.step_id
        return getattr(self.record or self.fact, "step", "")


@dataclass(eq=False)
class Message:
    """A step message, as the coordinator makes it."""

    dispatch: Dispatch
    completed: int = 0
    output: Payload | None = None
    not_before: float = 0.0


@dataclass(eq=False)
class Execution:
    """A handler that runs now, under a claim that its worker believes in."""

    step: str
    revision: int
    lease_until: float
    alive: bool = True
    asked_to_stop: bool = False


@dataclass
class World:
    """Everything durable of one run, and the handlers that run."""

    plan: Plan
    now: float = 1000.0
    revision: int = 0
    steps: dict[str, tuple[StepRecord, int]] = field(default_factory=dict)
    history: list[Told] = field(default_factory=list)
    undelivered: deque[facts.Fact] = field(default_factory=deque)
    queue: list[Message] = field(default_factory=list)
    alarm: float | None = None
    finished: bool = False
    executions: list[Execution] = field(default_factory=list)
    recent_events: set[str] = field(default_factory=set)
    recent_messages: set[str] = field(default_factory=set)
    undone: list[str] = field(default_factory=list)
    outputs: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.revision += 1
        record = RunRecord(RUN, self.plan.workflow.name, "h", RunStatus.RUNNING, EMPTY, self.now)
        self.created = self.run = (record, self.revision)
        self.tell(EventType.STARTED, "", fact=facts.RunStarted())

    # What adapters do

    def save_run(self, record: RunRecord, revision: int) -> int:
        before, current = self.run
        if revision != current:
            raise Conflict
        assert before.status not in TERMINAL, "a terminal state changed"
        assert record != before, "a Save without a change"
        if record.stop is not None:
            assert record.status is not RunStatus.WAITING_HUMAN, "waiting though stopping"
        answers = [d.id for past in record.decisions.values() for d in past]
        assert len(answers) == len(set(answers)), "one answer was followed twice"
        self.revision += 1
        self.run = (record, self.revision)
        if record.status in TERMINAL:
            self.check_end(record)
        if record.status is RunStatus.COMPENSATING is not before.status:
            assert not self.running(), "the saga begins while an attempt is under way"
        return self.revision

    def save_step(self, record: StepRecord, revision: int) -> int:
        before, current = self.steps.get(record.step, (None, 0))
        if revision != current:
            raise Conflict
        self.check_step(record, before, current)
        self.revision += 1
        self.steps[record.step] = (record, self.revision)
        return self.revision

    def tell(
        self,
        event_type: EventType,
        detail: str,
        *,
        fact: facts.Fact | None = None,
        emit: Emit | None = None,
        record: StepRecord | None = None,
    ) -> None:
        told = Told(event_id(RUN, event_type, detail), event_type, fact, emit, record)
        if told.id in self.recent_events:
            return
        self.recent_events.add(told.id)
        self.history.append(told)
        if fact is not None:
            self.undelivered.append(fact)

    def tell_outcome(self, record: StepRecord, revision: int) -> None:
        event_type, fact = fact_of(record, revision)
        key = attempt_key(RUN, record.step, record.attempt)
        self.tell(event_type, key, fact=fact)

    def enqueue(self, message: Message) -> None:
        wanted = message.dispatch
        key = attempt_key(RUN, wanted.step, wanted.attempt, wanted.lost)
        if key not in self.recent_messages:
            self.recent_messages.add(key)
            self.queue.append(message)

    # What must always hold

    def running(self) -> list[str]:
        return [
            step for step, (record, _) in self.steps.items() if record.outcome is Outcome.RUNNING
        ]

    def holds(self, step: str, revision: int) -> bool:
        """Whether a worker runs the step under a claim that is valid at that revision."""
        return any(
            held.step == step
            and held.alive
            and held.revision == revision
            and held.lease_until > self.now
            for held in self.executions
        )

    def resolved(self, step: str) -> bool:
        """Whether successors of the step may run."""
        record, _ = self.steps.get(step, (None, 0))
        if record is not None and record.outcome is Outcome.COMPLETED:
            return True
        decisions = self.run[0].decisions.get(step, ())
        return bool(decisions) and decisions[-1].action in {HumanAction.SKIP, HumanAction.COMPLETE}

    def completed(self) -> dict[str, int]:
        """Steps that were completed, and the revision that orders them."""
        done = {}
        for step, (record, revision) in self.steps.items():
            decisions = self.run[0].decisions.get(step, ())
            if (
                record.outcome is Outcome.COMPLETED
                or record.kind is Kind.COMPENSATE
                or (decisions and decisions[-1].action is HumanAction.COMPLETE)
            ):
                done[step] = record.completed or revision
        return done

    def to_undo(self) -> list[str]:
        """All that a saga has to compensate, in its order."""
        done = self.completed()
        return [
            step
            for step in sorted(done, key=done.__getitem__, reverse=True)
            if self.plan.steps[step].saga is not None
        ]

    def check_step(self, record: StepRecord, before: StepRecord | None, revision: int) -> None:
        assert before is None or before.attempt <= record.attempt, "an attempt out of order"
        if record.outcome is Outcome.RUNNING:
            renewed = (
                before is not None
                and before.outcome is Outcome.RUNNING
                and before.worker == record.worker
            )
            if not renewed:
                self.check_claim(record, before, revision)
        if record.outcome is Outcome.COMPLETED and record.kind is not Kind.COMPENSATE:
            assert record.step not in self.outputs, "an output was written twice"
            self.outputs[record.step] = self.revision + 1
        if record.outcome is Outcome.CANCELLED:
            assert self.run[0].stop is not None, "cancelled without a stop"
            assert before is None or before.outcome is not Outcome.CANCELLED
        if record.kind is Kind.COMPENSATE:
            assert record.completed == self.outputs.get(record.step, record.completed) > 0

    def check_claim(self, record: StepRecord, before: StepRecord | None, revision: int) -> None:
        run = self.run[0]
        assert run.status not in TERMINAL, "a claim after the end"
        assert not self.holds(record.step, revision), "two claims under valid leases"
        assert record.lost < MAX_LOST, "an attempt circles for ever"
        if before is not None:
            assert before.outcome is not Outcome.CANCELLED, "a claim over a fence"
            if before.outcome is Outcome.RUNNING:
                assert record.lost == before.lost + (before.lease_until > 0), "losses miscounted"
        if record.kind is Kind.COMPENSATE:
            self.check_compensation(record.step)
            return
        assert all(self.resolved(dep) for dep in self.plan.steps[record.step].depends_on)
        assert run.status is not RunStatus.COMPENSATING, "a step starts after the saga began"
        assert not self.undone

    def check_compensation(self, step: str) -> None:
        run = self.run[0]
        assert run.status is RunStatus.COMPENSATING, "a compensation without a saga"
        assert all(other == step for other in self.running()), "two at a time"
        if step not in self.undone:
            self.undone.append(step)
        undo = self.to_undo()
        assert self.undone == undo[: len(self.undone)], "compensations out of order"
        for other in self.undone[:-1]:
            assert self.steps[other][0].outcome in {Outcome.COMPLETED, Outcome.FAILED}

    def check_end(self, run: RunRecord) -> None:
        assert not self.running(), "the end while an attempt is under way"
        assert run.finished_at == self.now or run.finished_at > 0
        if run.status is RunStatus.COMPLETED:
            assert all(self.resolved(step) for step in self.plan.order)
            return
        assert run.stop is not None
        if run.stop.reason is StopReason.TERMINATED:
            assert run.status is RunStatus.CANCELLED
            return
        assert self.undone == self.to_undo(), "not everything was compensated"
        for step in self.undone:
            failed = self.steps[step][0].outcome is Outcome.FAILED
            assert failed == (step in run.failed_compensations)


def fact_of(record: StepRecord, revision: int) -> tuple[EventType, facts.Fact]:
    """What a worker, or a fence, tells about a record."""
    at = (record.step, record.attempt)
    match record.outcome:
        case Outcome.COMPLETED if record.kind is Kind.COMPENSATE:
            return EventType.STEP_COMPENSATED, facts.Compensated(record.step, revision)
        case Outcome.COMPLETED:
            output = record.output or EMPTY
            return EventType.STEP_COMPLETED, facts.StepCompleted(*at, output, revision)
        case Outcome.FAILED:
            error = record.error or ErrorInfo("?", "")
            failed = facts.AttemptFailed(*at, error, revision, record.finished_at)
            return EventType.STEP_ATTEMPT_FAILED, failed
        case Outcome.CANCELLED:
            return EventType.STEP_CANCELLED, facts.StepCancelled(record.step, revision)
        case Outcome.RUNNING:
            raise AssertionError("a running attempt has no outcome")
