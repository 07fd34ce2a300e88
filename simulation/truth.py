"""What is durable of one run, as an all-seeing observer knows it."""

from __future__ import annotations

__all__ = ["Truth"]

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowworker.core.status import TERMINAL, HumanAction, Kind, Outcome

if TYPE_CHECKING:
    from flowworker.core.event_types import EventType
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
        undone: steps whose compensation was claimed, in this order.
        settled: every record of an attempt that ended, by step and revision.
        enqueued: steps of which a message was stored.
        followed: steps whose completion was told and acknowledged.
        told: type by event id, in the order of the history.
        ended: its last event was told.
        gone: its record was removed.
    """

    run: str
    plan: Plan
    created: RunRecord
    record: RunRecord
    steps: dict[str, tuple[StepRecord, int]] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    undone: list[str] = field(default_factory=list)
    settled: dict[tuple[str, int], StepRecord] = field(default_factory=dict)
    enqueued: set[str] = field(default_factory=set)
    followed: set[str] = field(default_factory=set)
    told: dict[str, EventType] = field(default_factory=dict)
    ended: bool = False
    gone: bool = False

    @property
    def over(self) -> bool:
        """Whether its terminal state is durable."""
        return self.record.status in TERMINAL

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
