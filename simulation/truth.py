"""What is durable of one run, as an all-seeing observer knows it."""

from __future__ import annotations

__all__ = ["Truth"]

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowworker.codec.facts import to_fact
from flowworker.core.event_types import EventType
from flowworker.core.facts import Steered
from flowworker.core.ids import defined_id, event_id, index_of
from flowworker.core.model import TriggerRule
from flowworker.core.records import StopReason
from flowworker.core.status import (
    APPROVALS,
    TERMINAL,
    HumanAction,
    Kind,
    Outcome,
    RunStatus,
    StepStatus,
)
from simulation.airflow import Fate, Resolution, fate
from simulation.expecting import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.core.attempt import Attempt
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord, SignalRecord, StepRecord
    from simulation.process import Process
    from simulation.stale_reads import StaleView

_EARLY = {
    TriggerRule.ONE_SUCCESS,
    TriggerRule.ONE_FAILED,
    TriggerRule.ONE_DONE,
    TriggerRule.ALWAYS,
}
"""Rules that may let a step run before all that it depends on is over."""

_PASSED_OVER = {Resolution.SKIPPED, Resolution.UPSTREAM_FAILED}
"""What becomes of a step as soon as one that it depends on decides it."""

RESOLVES = {HumanAction.SKIP, HumanAction.COMPLETE}


@dataclass
class SignalBook:
    """Signals of a run.

    Attributes:
        kept: by id.
        since: when each was kept, by the loop's time.
        completed: attempts by the signals that they completed with.
        heard: the signal that came first with a message id, by the key that says so.
    """

    kept: dict[str, SignalRecord] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    completed: dict[str, str] = field(default_factory=dict)
    heard: dict[str, str] = field(default_factory=dict)


@dataclass
class Truth:
    """One run.

    Attributes:
        created, given: the record as it was written first, and its input.
        steps, outputs: record and revision by step; revision of that which completed it.
        stopped_by: processes that wrote that it stops, why, and the first revision of that.
        asked, steering: reasons to stop that were asked for; pauses and unpauses that were.
        paused_by: processes that have followed a pause, and what of the past each had read before.
        was_paused, let_go_by: its record has said so; who wrote then that it goes on.
        saga_begun: its record has said that it compensates.
        undone: steps whose compensation was claimed, in this order.
        settled: every record of an attempt that ended, by step and revision.
        enqueued, followed: steps with a message stored; with their end published and acknowledged.
        published: type by event id, in the order of the history.
        values: payloads of which only a digest is known, by that; all runs of a world share them.
        signals: those that were sent to it.
        answered: to approvals, as it came in: step, action, who answered, and why.
        past, children: the run of which it is a rerun, if it is one; runs that its steps are.
        forgotten_history: its history is removed, and so will be what is left.
        robbed: a message of it was lost for good: only a sweep makes up for that.
        rejected, replaces: its start was refused before; another one of its id was.
        ended, gone: its last event was published; its record was removed.
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
    steering: set[Steered] = field(default_factory=set)
    paused_by: dict[str, tuple[Process, StaleView | None]] = field(default_factory=dict)
    was_paused: bool = False
    let_go_by: str = ""
    saga_begun: bool = False
    undone: list[str] = field(default_factory=list)
    settled: dict[tuple[str, int], StepRecord] = field(default_factory=dict)
    enqueued: set[str] = field(default_factory=set)
    followed: set[str] = field(default_factory=set)
    published: dict[str, EventType] = field(default_factory=dict)
    given: Any = UNKNOWN
    values: Mapping[str, Any] = field(default_factory=dict)
    signals: SignalBook = field(default_factory=SignalBook)
    answered: set[tuple[str, str, str, str]] = field(default_factory=set)
    past: Truth | None = None
    children: dict[str, Truth] = field(default_factory=dict)
    forgotten_history: bool = False
    robbed: bool = False
    rejected: bool = False
    replaces: bool = False
    ended: bool = False
    gone: bool = False

    @property
    def over(self) -> bool:
        """Whether its terminal state is durable, or that it never comes to be."""
        return self.record.status in TERMINAL or bool(self.record.refused)

    @property
    def may_rest(self) -> bool:
        """Whether nothing durable has to move it on: somebody has to say something before that.

        Or attempts are fenced whose messages a pause has withdrawn: a fence insists, or a sweep.
        """
        record = self.record
        fenced = record.stop is not None or any(map(self._is_fenced, self.running()))
        held = record.is_paused or (self.was_paused and fenced)
        return record.status is RunStatus.WAITING_HUMAN or held

    def _is_fenced(self, step: str) -> bool:
        """Whether it is an instance whose loop is over, so that it is to be cancelled."""
        loop, _ = self.steps[defined_id(step)]
        return index_of(step) is not None and loop.outcome is not Outcome.RUNNING

    @property
    def terminated(self) -> bool:
        """Whether it is to end at once."""
        stop = self.record.stop
        return stop is not None and stop.reason is StopReason.TERMINATED

    def note(self, event: CloudEvent) -> None:
        """An event is published."""
        self.published[event.id] = event.type
        if event.type is EventType.CANCEL_REQUESTED:
            terminate = event.data.terminate
            self.asked.add(StopReason.TERMINATED if terminate else StopReason.CANCELLED)
        elif isinstance(fact := to_fact(event), Steered):
            self.steering.add(fact)
        elif event.type is EventType.TIMED_OUT:
            self.asked.add(StopReason.TIMED_OUT)
        elif event.type is EventType.HUMAN_DECIDED and event.data.action in APPROVALS:
            data = event.data
            self.answered.add((data.step, str(data.action), data.actor, data.reason))

    def note_written(self, writer: str, record: RunRecord, revision: int) -> None:
        """A process has written the run's record, perhaps that the run stops."""
        known, _ = self.stopped_by.get(writer, (None, 0))
        if record.stop is not None and record.stop.reason is not known:
            self.stopped_by[writer] = (record.stop.reason, revision)
        if not record.is_paused:
            self.let_go_by = writer if self.paused_by else self.let_go_by
            self.paused_by.clear()
        else:
            self.was_paused = True
        self.saga_begun |= record.status is RunStatus.COMPENSATING

    def has_iterated(self, record: StepRecord) -> bool:
        """Whether the end of that iteration was published."""
        attempt = f"{record.step}/{record.attempt}"
        return event_id(self.run, EventType.STEP_ITERATED, attempt) in self.published

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

    def waits_for_child(self) -> bool:
        """Whether the end of a run, which is looked after by itself, moves this one on."""
        return any(
            record.outcome is Outcome.RUNNING and child is not None and not child.ended
            for record, _ in self.steps.values()
            for child in (self.children.get(record.child),)
        )

    def resolved(self, step: str) -> bool:
        """Whether nothing more becomes of the step, as long as the run goes on."""
        return self.resolution(step) is not None

    def resolution(self, step: str) -> Resolution | None:
        """How the step was resolved, if it was."""
        record, _ = self.steps.get(step, (None, 0))
        decisions = self.record.decisions.get(step, ())
        if (decisions and decisions[-1].action in RESOLVES) or (
            record is not None
            and (record.kind is Kind.COMPENSATE or record.outcome is Outcome.COMPLETED)
        ):
            return Resolution.SUCCESS
        if record is not None:
            return self._left_as(record)
        return {
            Fate.SKIPPED: Resolution.SKIPPED,
            Fate.UPSTREAM_FAILED: Resolution.UPSTREAM_FAILED,
        }.get(self._fate(step))

    def ready(self, step: str) -> bool:
        """Whether what became of all that it depends on lets it run."""
        return self._fate(step) is Fate.RUNS

    def _fate(self, step: str) -> Fate:
        if self.record.is_early or (self.plan.closes(step) and self.record.ending is None):
            return Fate.OPEN
        definition = self.plan.step(step)
        return fate(definition.trigger_rule, [self.resolution(d) for d in definition.depends_on])

    def _left_as(self, record: StepRecord) -> Resolution | None:
        """How a step was resolved that was not completed."""
        if record.outcome is Outcome.SKIPPED:
            return Resolution.SKIPPED
        if record.is_kept:
            skipped = record.noted is StepStatus.SKIPPED
            return Resolution.SUCCESS if skipped else Resolution.FAILED
        return Resolution.FAILED if self._is_passed_over(record) else None

    def _is_passed_over(self, record: StepRecord) -> bool:
        """Whether it has failed, nothing is left to try, and the run goes on."""
        if record.outcome is not Outcome.FAILED or not self.goes_on_after(record.step):
            return False
        failed = f"{self.run}/{EventType.STEP_FAILED}/{record.step}/"
        return self.over or any(event.startswith(failed) for event in self.published)

    def may_begin_early(self, step: str) -> bool:
        """Whether not all that comes before a step need be over when it begins."""
        before = (step, *self.plan.ancestors(step))
        return any(
            self.plan.step(each).trigger_rule in _EARLY or self.resolution(each) in _PASSED_OVER
            for each in before
        )

    def goes_on_after(self, step: str) -> bool:
        """Whether a failure of the step does not stop the run."""
        return self.plan.step(step).continue_on_error or self.plan.closes(step)

    def forgotten(self, step: str, reader: str, *, more: bool) -> list[str]:
        """Successors that nobody enqueued, though all that they wait for is followed.

        With `more` events to come one that may begin early may be on its way because of another.
        Where it paused, as far as its reader knows, or by an event to come, who lets it go on does.
        """
        if self.record.is_paused or self.let_go_by not in ({""} if more else {"", reader}):
            return []
        return [
            after
            for after in self.plan.successors[step]
            if after not in {*self.enqueued, *self.steps}
            and self.ready(after)
            and not (more and self.may_begin_early(after))
            and self.followed.issuperset(self.plan.step(after).depends_on)
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
            if self.plan.step(step).saga is not None
        ]
