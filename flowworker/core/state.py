"""A run as its coordinator sees it: an immutable value that `decide` turns into the next one.

`steps`, `tallies`, `inflight` and `loops` are persistent maps (hash array mapped tries): replacing
one entry of a thousand copies a few nodes, so purity costs O(log n) and an event O(out-degree).
"""

from __future__ import annotations

__all__ = ["LoopState", "RunState", "StepState", "initial"]

from typing import TYPE_CHECKING

from immutables import Map
from msgspec import Struct
from msgspec.structs import replace

from flowworker.core.attempt import UNATTEMPTED, Attempt
from flowworker.core.payload import Payload
from flowworker.core.records import ErrorInfo, RunRecord
from flowworker.core.rules import Tally
from flowworker.core.status import RunStatus, SkipReason, StepStatus

if TYPE_CHECKING:
    from flowworker.core.graph import Plan


class StepState(Struct, frozen=True):
    """One step of a run.

    Attributes:
        attempt: the latest one that was dispatched.
        revision: of the step's record as last known, which the next claim must find;
            0 when there is none.
        lost: workers that died with the latest attempt.
        lease_until: of a running claim that was read from its record; 0 if unknown.
        due: when the next attempt may start, while RETRYING; while REPEATING, when the iteration
            ended; otherwise 0.
        completed: the revision that orders completions.
        output: of a completed step; while REPEATING, of the iteration that ended.
        skipped: why it is skipped, if no operator wanted it.
        since, spent: of the latest attempt, as its record shall have them.
    """

    status: StepStatus = StepStatus.PENDING
    attempt: Attempt = UNATTEMPTED
    revision: int = 0
    lost: int = 0
    lease_until: float = 0.0
    due: float = 0.0
    completed: int = 0
    output: Payload | None = None
    error: ErrorInfo | None = None
    skipped: SkipReason | None = None
    since: float = 0.0
    spent: tuple[int, ...] = ()

    @property
    def result(self) -> Payload | None:
        """The output that other steps are given: what an iteration puts out is the step's alone."""
        return None if self.status is StepStatus.REPEATING else self.output


class LoopState(Struct, frozen=True):
    """The instances of one loop. Each has a state of its own once it may have been dispatched.

    Attributes:
        count: how many there are in all.
        items: a list of what they have.
        tolerated: how many may fail.
        next: the first that may not have been dispatched.
        begun: how many may have been.
        done: of these, how many are completed, skipped, or have failed for good.
        failed: of these, how many have failed.
        dropped: how many were stopped before they were over.
        first: the one that failed first.
        failing: that too many have failed, as its record says it.
    """

    count: int
    items: Payload
    tolerated: int
    next: int = 0
    begun: int = 0
    done: int = 0
    failed: int = 0
    dropped: int = 0
    first: str = ""
    failing: ErrorInfo | None = None

    @property
    def is_over(self) -> bool:
        """Whether all have been done."""
        return self.done == self.count

    @property
    def is_lost(self) -> bool:
        """Whether more have failed than may."""
        return self.failed > self.tolerated

    @property
    def at_work(self) -> int:
        """How many may be going on."""
        return self.begun - self.done - self.dropped


class RunState(Struct, frozen=True):
    """One run.

    Attributes:
        record: the run's record as it shall be stored; `revision` is that of the stored one.
        steps: state by step id.
        unresolved: how many steps are neither completed, nor skipped, nor failed and passed over;
            of those of `finally` once it has begun, and before of the others.
        tallies: what has become of the dependencies of a step, of those of which some are over.
        inflight: a set (of keys) of the steps with an attempt whose outcome is not known.
        waiting: steps that wait for a human.
        loops: those that have begun.
        saga: steps still to be compensated, the current one first; None before the saga.
    """

    record: RunRecord
    revision: int
    steps: Map[str, StepState]
    unresolved: int
    tallies: Map[str, Tally] = Map()
    inflight: Map[str, None] = Map()
    waiting: frozenset[str] = frozenset()
    saga: tuple[str, ...] | None = None
    loops: Map[str, LoopState] = Map()

    @property
    def status(self) -> RunStatus:
        """The run's status."""
        return self.record.status

    def with_record(self, **changes: object) -> RunState:
        """The same with some fields of its record replaced."""
        return replace(self, record=replace(self.record, **changes))

    def with_step(self, step: str, **changes: object) -> RunState:
        """The same with some fields of one step replaced."""
        return replace(self, steps=self.steps.set(step, replace(self.steps[step], **changes)))


def initial(plan: Plan, record: RunRecord, revision: int) -> RunState:
    """The state of a run of which nothing but its record exists."""
    return RunState(
        record=record,
        revision=revision,
        steps=Map({step: StepState() for step in plan.order}),
        unresolved=len(plan.workflow.steps),
    )
