"""What is durable of one run, as an all-seeing observer knows it."""

from __future__ import annotations

__all__ = ["Truth"]

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowworker.core.event_types import EventType
from flowworker.core.records import StopReason
from flowworker.core.status import TERMINAL, HumanAction, Kind, Outcome

if TYPE_CHECKING:
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.core.attempt import Attempt
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord, StepRecord

RESOLVES = {HumanAction.SKIP, HumanAction.COMPLETE}


@dataclass
class Truth:
    """One run.

    Attributes:
        created: the record as it was written first.
        steps: record and revision by step.
        outputs: revision of the record that completed a step.
        asked: reasons to stop that somebody has asked for.
        stopped_by: processes that wrote that it stops, why, and the first revision of that.
        undone: steps whose compensation was claimed, in this order.
        settled: every record of an attempt that ended, by step and revision.
        enqueued: steps of which a message was stored.
        followed: steps whose completion was published and acknowledged.
        published: type by event id, in the order of the history.
        robbed: a message of it was lost for good: only a sweep makes up for that.
        ended: its last event was published.
        gone: its record was removed.
    """

    run: str
    plan: Plan
    created: RunRecord
    record: RunRecord
    revision: int
    steps: dict[str, tuple[StepRecord, int]] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    asked: set[StopReason] = field(default_factory=set)
    stopped_by: dict[str, tuple[StopReason, int]] = field(default_factory=dict)
    undone: list[str] = field(default_factory=list)
    settled: dict[tuple[str, int], StepRecord] = field(default_factory=dict)
    enqueued: set[str] = field(default_factory=set)
    followed: set[str] = field(default_factory=set)
    published: dict[str, EventType] = field(default_factory=dict)
    robbed: bool = False
    ended: bool = False
    gone: bool = False

    @property
    def over(self) -> bool:
        """Whether its terminal state is durable."""
        return self.record.status in TERMINAL

    def note(self, event: CloudEvent) -> None:
        """An event is published."""
        self.published[event.id] = event.type
        if event.type is EventType.CANCEL_REQUESTED:
            terminate = event.data.terminate
            self.asked.add(StopReason.TERMINATED if terminate else StopReason.CANCELLED)
        elif event.type is EventType.TIMED_OUT:
            self.asked.add(StopReason.TIMED_OUT)

    def note_stop(self, writer: str, reason: StopReason, revision: int) -> None:
        """A process has written that the run stops."""
        known, _ = self.stopped_by.get(writer, (None, 0))
        if reason is not known:
            self.stopped_by[writer] = (reason, revision)

    def is_past(self, step: str, attempt: Attempt) -> bool:
        """Whether that attempt is over."""
        record, _ = self.steps.get(step, (None, 0))
        if record is None:
            return False
        settled = record.outcome is not Outcome.RUNNING
        return record.attempt > attempt or (record.attempt == attempt and settled)

    def running(self) -> list[str]:
        """Steps with a claim that is not settled."""
        return [s for s, (record, _) in self.steps.items() if record.outcome is Outcome.RUNNING]

    def resolved(self, step: str) -> bool:
        """Whether successors of the step may run."""
        record, _ = self.steps.get(step, (None, 0))
        if record is not None and (
            record.kind is Kind.COMPENSATE or record.outcome is Outcome.COMPLETED
        ):
            return True
        decisions = self.record.decisions.get(step, ())
        return bool(decisions) and decisions[-1].action in RESOLVES

    def ready(self, step: str) -> bool:
        """Whether all that it depends on is resolved."""
        return all(self.resolved(dep) for dep in self.plan.steps[step].depends_on)

    def forgotten(self, step: str) -> list[str]:
        """Successors that nobody enqueued, though all that they wait for is followed."""
        return [
            after
            for after in self.plan.successors[step]
            if after not in {*self.enqueued, *self.steps}
            and self.followed.issuperset(self.plan.steps[after].depends_on)
        ]

    def completed(self) -> dict[str, int]:
        """Steps that were completed, and the revision that orders them."""
        done = {}
        for step, (record, revision) in self.steps.items():
            decisions = self.record.decisions.get(step, ())
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
