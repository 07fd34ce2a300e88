"""Runs as they are recorded at one moment, in few words."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeAlias

from flowworker.core.for_each import ForEach
from flowworker.core.graph import Plan
from flowworker.core.model import RetryPolicy, Saga, Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.rebuild import view
from flowworker.core.records import ErrorInfo, Paused, RunRecord, StepRecord, Stop, StopReason
from flowworker.core.standing import PauseRecord
from flowworker.core.status import Kind, Outcome, RunStatus, StepStatus
from flowworker.diagnosis import Evidence, Place, Reason, ReasonKind, diagnose

NOW = 1_000.0
BEGAN = 900.0

WORKER = SimpleNamespace(
    id="w-1", age=2.0, queues=("default",), handlers={"h": "1"}, slots=4, running=1, draining=False
)
COORDINATOR = SimpleNamespace(id="c-1", age=3.0, partitions=(0, 1))


def worker(**changes: Any) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(WORKER), **changes})


def record(step: str, outcome: Outcome, **changes: Any) -> StepRecord:
    """Of a first attempt that a worker makes, unless it is said otherwise."""
    given: dict[str, Any] = {"kind": Kind.RUN, "turn": 1, "number": 1, "started_at": BEGAN}
    match outcome:
        case Outcome.RUNNING:
            given |= {"worker": "w-1", "lease_until": NOW + 20}
        case Outcome.COMPLETED | Outcome.ITERATED:
            given |= {"output": EMPTY, "finished_at": BEGAN + 50}
        case Outcome.FAILED:
            given |= {"error": ErrorInfo("Odd", "no"), "finished_at": BEGAN + 50}
        case _:
            given |= {"finished_at": BEGAN + 50}
    return StepRecord("r-1", step, outcome=outcome, **{**given, **changes})


def running(step: str, **changes: Any) -> StepRecord:
    return record(step, Outcome.RUNNING, **changes)


def waiting(step: str, **changes: Any) -> StepRecord:
    """Of an attempt that no worker makes."""
    return running(step, **{"worker": "", "lease_until": 0.0, **changes})


def completed(step: str, **changes: Any) -> StepRecord:
    return record(step, Outcome.COMPLETED, **changes)


def failed(step: str, **changes: Any) -> StepRecord:
    return record(step, Outcome.FAILED, **changes)


def stopped(reason: StopReason = StopReason.CANCELLED) -> Stop:
    return Stop(reason, "enough")


@dataclass(frozen=True)
class Scene:
    """A run, and what is around it."""

    steps: tuple[Step, ...]
    records: tuple[StepRecord, ...] = ()
    run: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place | None] = field(default_factory=dict)
    workers: tuple[SimpleNamespace, ...] | None = (WORKER,)
    coordinators: tuple[SimpleNamespace, ...] | None = (COORDINATOR,)
    finally_: tuple[Step, ...] = ()
    workflow: dict[str, Any] = field(default_factory=dict)
    children: dict[str, RunStatus | None] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    lag: int | None = 0
    known: bool = True
    queues: dict[str, PauseRecord] = field(default_factory=dict)

    @property
    def evidence(self) -> Evidence:
        plan = Plan(Workflow("w", self.steps, finally_=self.finally_, **self.workflow), "hash")
        given: dict[str, Any] = {
            "run": "r-1",
            "workflow": "w",
            "definition": "hash",
            "status": RunStatus.RUNNING,
            "input": EMPTY,
            "created_at": BEGAN,
        }
        run = RunRecord(**{**given, **self.run})
        steps = {one.step: (one, 10 + place) for place, one in enumerate(self.records)}
        return Evidence(
            now=NOW,
            record=run,
            steps=steps,
            known=(plan, view(plan, run, 1, steps, NOW)) if self.known else None,
            problem="" if self.known else "the definition cannot be read: gone",
            unread=self.unread,
            workers=self.workers,
            coordinators=self.coordinators,
            partition=1,
            lag=self.lag,
            places=self.places,
            children=self.children,
            queues=self.queues,
        )

    def reasons(self, step: str) -> tuple[Reason, ...]:
        """What the step waits for."""
        return next((one.reasons for one in diagnose(self.evidence).steps if one.id == step), ())

    def kinds(self, step: str) -> list[ReasonKind]:
        return [one.kind for one in self.reasons(step)]


A = Step("a", "h")
B = Step("b", "h", ("a",))
LOOP = Step("a", "h", for_each=ForEach("input.all"))
NARROW = Step("a", "h", for_each=ForEach("input.all", max_parallel=1))
UNDO = Step("a", "h", saga=Saga("h"))
RETRIED = Step("a", "h", retry=RetryPolicy(max_attempts=3, interval=100.0))
SOON = Step("a", "h", retry=RetryPolicy(max_attempts=3, interval=1.0))
QUEUED: dict[str, Place | None] = {"a": Place(stored=950.0, ahead=7)}
ABSENT: dict[str, Place | None] = {"a": None}
STOPPED: dict[str, Any] = {"stop": stopped()}
HELD: dict[str, Any] = {"held": Paused("a defect", "ops"), "held_at": NOW - 60}
PAUSED: dict[str, Any] = {"paused": Paused("the bank is down", "ops"), "steered": NOW - 300}
DOWN = PauseRecord(at=NOW - 300, last="1@0.0", paused=Paused("the bank is down", "ops"))
HUMAN: dict[str, Any] = {"status": RunStatus.WAITING_HUMAN}

Case: TypeAlias = "tuple[Scene, str, StepStatus, ReasonKind, str]"
"""A scene, a step of it, its state, and what it waits for: kind, and a part of the sentence."""
