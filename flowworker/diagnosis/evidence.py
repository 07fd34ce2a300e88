"""What was read of a run, of its fleet and of its queues, as one value."""

from __future__ import annotations

__all__ = ["Coordinator", "Evidence", "Place", "Worker", "is_over"]

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from flowworker.core.children import is_stopping
from flowworker.core.ids import defined_id, index_of
from flowworker.core.records import StopReason
from flowworker.core.status import Kind, Outcome, StepStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowworker.core.graph import Plan
    from flowworker.core.model import Step
    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.core.standing import PauseRecord
    from flowworker.core.state import RunState, StepState
    from flowworker.core.status import RunStatus
    from flowworker.diagnosis.limits import Slot

_OVER = frozenset(
    {
        StepStatus.COMPLETED,
        StepStatus.FAILED,
        StepStatus.SKIPPED,
        StepStatus.CANCELLED,
        StepStatus.COMPENSATED,
    }
)


def is_over(status: StepStatus) -> bool:
    """Whether a step waits for nothing any more, but perhaps to be compensated."""
    return status in _OVER


class _Member(Protocol):
    @property
    def id(self) -> str:
        """As records name it."""
        ...

    @property
    def age(self) -> float:
        """Seconds since it was heard of."""
        ...


class Worker(_Member, Protocol):
    """What a worker has said of itself."""

    @property
    def queues(self) -> tuple[str, ...]:
        """Whose steps it takes."""
        ...

    @property
    def handlers(self) -> Mapping[str, str]:
        """By name."""
        ...

    @property
    def slots(self) -> int:
        """Attempts that it runs at a time."""
        ...

    @property
    def running(self) -> int:
        """Those that it does run."""
        ...

    @property
    def draining(self) -> bool:
        """Whether it takes nothing new."""
        ...


class Coordinator(_Member, Protocol):
    """What a coordinator has said of itself."""

    @property
    def partitions(self) -> tuple[int, ...]:
        """That it drives."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where the message of an attempt is.

    Attributes:
        stored: when it was stored, epoch seconds; 0 if that is not known.
        scheduled: it waits for its time, in no queue.
        handed_out: a worker was given it.
        ahead: how many messages may stand before it, at most; None if that is not known.
        held: its queue hands nothing out.
    """

    stored: float = 0.0
    scheduled: bool = False
    handed_out: bool = False
    ahead: int | None = None
    held: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a diagnosis is made of. What could not be asked for, for want of a right, is None.

    Attributes:
        now: epoch seconds.
        steps: records and revisions by step.
        known: the definition, and what the records mean by it; None if it cannot be read.
        problem: why it cannot be.
        unread: why the record of a step cannot be read, by step.
        workers, coordinators: those that are there.
        partition: the run's.
        lag: events of that partition that no coordinator was given yet.
        places: of the steps that `unclaimed_steps` names: where their messages are, None for
            nowhere; those that could not be asked for are missing.
        children: how runs stand that are attempts of steps; None for one that is not there.
        queues: those that pause, as it was said.
        slots: of steps that wait for a limit: which; under "" that of the run as a whole.
    """

    now: float
    record: RunRecord
    steps: Mapping[str, tuple[StepRecord, int]]
    known: tuple[Plan, RunState] | None
    problem: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)
    workers: Sequence[Worker] | None = None
    coordinators: Sequence[Coordinator] | None = None
    partition: int = 0
    lag: int | None = None
    places: Mapping[str, Place | None] = field(default_factory=dict)
    children: Mapping[str, RunStatus | None] = field(default_factory=dict)
    queues: Mapping[str, PauseRecord] = field(default_factory=dict)
    slots: Mapping[str, Slot] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        """The definition, which is known."""
        return self._known[0]

    @property
    def state(self) -> RunState:
        """What the records mean."""
        return self._known[1]

    @property
    def _known(self) -> tuple[Plan, RunState]:
        if self.known is None:
            raise ValueError(self.problem)
        return self.known

    def at(self, step: str) -> StepState:
        """How a step stands."""
        return self.state.steps[step]

    def defined(self, step: str) -> Step:
        """What is to be done for it."""
        return self.plan.step(step)

    def claim(self, step: str) -> StepRecord | None:
        """The record of the attempt that is going on, if it has begun."""
        found = self.steps.get(step)
        if found is None or found[0].outcome is not Outcome.RUNNING:
            return None
        return found[0] if found[0].attempt == self.at(step).attempt else None

    def forbids(self, step: str, kind: Kind) -> bool:
        """Whether attempts of that kind may not begin any more."""
        if kind is Kind.COMPENSATE:
            stop = self.record.stop
            return stop is not None and stop.reason is StopReason.TERMINATED
        loop = self.state.loops.get(defined_id(step)) if index_of(step) is not None else None
        return is_stopping(self.record) or (loop is not None and loop.failing is not None)
