"""Given a run, when something happens to it, then this is decided: words for scenarios.

The run's records are kept along with its state, as the workers and the coordinator would write
them, so that every scenario can be rebuilt from them at any point.
"""

from __future__ import annotations

from typing import Self

from msgspec.structs import replace

from flowworker.core import facts
from flowworker.core.decide import decide
from flowworker.core.effects import Dispatch, Effect, Emit, Fence, Finish, Judge, Save, SetTimeout
from flowworker.core.graph import Plan
from flowworker.core.model import Escalation, Fallback, RetryPolicy, Saga, Step, Workflow
from flowworker.core.payload import EMPTY, Payload, inline
from flowworker.core.policy import asks_for_time
from flowworker.core.rebuild import rebuild, view
from flowworker.core.records import ErrorInfo, RunRecord, StepRecord
from flowworker.core.state import RunState, initial
from flowworker.core.status import HumanAction, Kind, Outcome, RunStatus, StepStatus
from tests.core.wording import in_words

NOW = 1000.0
PAUSE = 5.0
RUN = "r1"
BROKEN = ErrorInfo("Broken", "it broke")


def step(
    id_: str,
    *after: str,
    attempts: int = 1,
    interval: float = 0.1,
    non_retryable: tuple[str, ...] = (),
    fallback: bool = False,
    human: bool = False,
    undo: bool | int = False,
    critical: bool = False,
) -> Step:
    """A step; `undo` gives it a compensation, with that many attempts."""
    return Step(
        id_,
        f"do.{id_}",
        after,
        retry=RetryPolicy(max_attempts=attempts, interval=interval, non_retryable=non_retryable),
        fallback=Fallback(f"else.{id_}") if fallback else None,
        escalation=Escalation() if human else None,
        saga=Saga(f"undo.{id_}", critical, RetryPolicy(max_attempts=int(undo))) if undo else None,
    )


def out(text: str) -> Payload:
    """The output of a step."""
    return inline(f'"{text}"'.encode())


class Run:
    """A run to which things happen; `effects` are those of the last decision."""

    def __init__(
        self, *steps: Step, timeout: float | None = None, closing: tuple[Step, ...] = ()
    ) -> None:
        self.plan = Plan(Workflow("w", steps, timeout=timeout, finally_=closing), "h")
        self.now = NOW
        self.revision = 1
        record = RunRecord(RUN, "w", "h", RunStatus.RUNNING, EMPTY, NOW)
        self.state: RunState = initial(self.plan, record, 1)
        self.stored = (record, 1)
        self.records: dict[str, tuple[StepRecord, int]] = {}
        self.effects: tuple[Effect, ...] = ()

    # Given, when

    def happens(self, event: facts.Fact) -> Self:
        self.state, self.effects = decide(self.plan, self.state, event, self.now)
        if self.saved:
            self.revision += 1
            self.state = replace(self.state, revision=self.revision)
            self.stored = (self.state.record, self.revision)
        return self

    def starts(self) -> Self:
        return self.happens(facts.RunStarted())

    def claims(self, id_: str, *, lost: int = 0, lease: float = 30.0) -> Self:
        """A worker claims the attempt: no event tells the coordinator."""
        self.write(id_, Outcome.RUNNING, lost=lost, lease_until=self.now + lease)
        return self

    def completes(self, *ids: str) -> Self:
        for id_ in ids:
            at = self.state.steps[id_]
            revision = self.write(id_, Outcome.COMPLETED, output=out(id_), finished_at=self.now)
            self.happens(facts.StepCompleted(id_, at.attempt, out(id_), revision))
        return self

    def fails(self, *ids: str, error: ErrorInfo = BROKEN) -> Self:
        """The attempt in flight fails, of whatever kind it is."""
        for id_ in ids:
            at = self.state.steps[id_]
            revision = self.write(id_, Outcome.FAILED, error=error, finished_at=self.now)
            fact = facts.AttemptFailed(id_, at.attempt, error, revision, self.now)
            record, _ = self.records[id_]
            self.happens(replace(fact, since=record.since, spent=record.spent))
        return self

    def is_judged(self, id_: str, *, holds: bool) -> Self:
        """The coordinator evaluates a condition."""
        if holds:
            return self.happens(facts.Judged(id_))
        revision = self.write(id_, Outcome.SKIPPED, finished_at=self.now, reason="when")
        turn = self.state.steps[id_].attempt.turn
        return self.happens(facts.StepSkipped(id_, revision, turn))

    def iterates(self, id_: str, *, again: bool | None = None) -> Self:
        """An iteration succeeds. Whether the step runs again is asked, and answered if it is said.

        If it does not, `completes` is what its coordinator writes.
        """
        at = self.state.steps[id_]
        revision = self.write(id_, Outcome.ITERATED, output=out(id_), finished_at=self.now)
        self.happens(facts.Iterated(id_, at.attempt, out(id_), revision, self.now))
        if again is not None:
            self.is_repeated(id_) if again else self.completes(id_)
        return self

    def is_repeated(self, id_: str) -> Self:
        attempt = self.state.steps[id_].attempt
        return self.happens(facts.Repeated(id_, attempt, self.now + PAUSE))

    def is_fenced(self, *ids: str) -> Self:
        for id_ in ids:
            self.happens(facts.StepCancelled(id_, self.write(id_, Outcome.CANCELLED)))
        return self

    def is_undone(self, *ids: str) -> Self:
        for id_ in ids:
            self.happens(facts.Compensated(id_, self.write(id_, Outcome.COMPLETED)))
        return self

    def is_answered(
        self,
        action: HumanAction,
        id_: str = "",
        output: Payload | None = None,
        answer: str = "",
    ) -> Self:
        return self.happens(facts.HumanDecided(action, id_, output, answer))

    def is_cancelled(self, reason: str = "") -> Self:
        return self.happens(facts.CancelRequested(reason))

    def is_terminated(self, reason: str = "") -> Self:
        return self.happens(facts.CancelRequested(reason, terminate=True))

    def times_out(self) -> Self:
        return self.happens(facts.TimedOut())

    def write(self, id_: str, outcome: Outcome, **changes: object) -> int:
        """The step's record, for the attempt that was dispatched last."""
        at = self.state.steps[id_]
        kind, turn, number = at.attempt.kind, at.attempt.turn, at.attempt.number
        before, _ = self.records.get(id_, (None, 0))
        kept = {}
        if kind is Kind.COMPENSATE:
            kept = {"output": at.output, "completed": at.completed}
        self.revision += 1
        since = at.since or (self.now if asks_for_time(self.plan.step(id_), kind) else 0.0)
        record = StepRecord(
            RUN,
            id_,
            kind,
            turn,
            max(number, 1),
            outcome,
            since=since,
            spent=at.spent,
            iteration=at.attempt.iteration,
        )
        if before is not None and before.attempt > record.attempt:
            raise AssertionError(f"{id_} is past that attempt")
        self.records[id_] = (replace(record, **{**kept, **changes}), self.revision)
        return self.revision

    # Then

    @property
    def saved(self) -> bool:
        return any(isinstance(effect, Save) for effect in self.effects)

    @property
    def moved_from(self) -> RunStatus | None:
        return next(effect.moved_from for effect in self.effects if isinstance(effect, Save))

    @property
    def status(self) -> RunStatus:
        return self.state.status

    def statuses(self) -> dict[str, StepStatus]:
        return {id_: self.state.steps[id_].status for id_ in self.plan.order}

    def is_at(self, id_: str) -> StepStatus:
        return self.state.steps[id_].status

    @property
    def dispatched(self) -> list[str]:
        """`a` for the first attempt, `a#2` for the second, `else a`, `undo a`, `undo a#2`.

        `a@2` for the second turn, `a~2` for the second iteration.
        """
        return in_words(c for c in self.effects if isinstance(c, Dispatch))

    @property
    def asked(self) -> list[str]:
        """Steps whose conditions are to be evaluated."""
        return [effect.step for effect in self.effects if isinstance(effect, Judge)]

    @property
    def fenced(self) -> list[str]:
        """The same for fences; `a!` for one with force."""
        return in_words(c for c in self.effects if isinstance(c, Fence))

    @property
    def published(self) -> list[str]:
        """Event types without `workflow.`, with the step they are about."""
        return [
            " ".join(filter(None, (emit.type.removeprefix("workflow."), emit.step_id)))
            for emit in self.emits
        ]

    @property
    def emits(self) -> list[Emit]:
        return [effect for effect in self.effects if isinstance(effect, Emit)]

    @property
    def rest(self) -> list[Effect]:
        """All effects but the events and the record."""
        return [effect for effect in self.effects if not isinstance(effect, Emit | Save)]

    @property
    def alarms(self) -> list[float]:
        return [effect.at for effect in self.effects if isinstance(effect, SetTimeout)]

    @property
    def finished(self) -> bool:
        return any(isinstance(effect, Finish) for effect in self.effects)

    # From the records

    def rebuilt(self, *asked: facts.Fact, abandoned: bool = False) -> Self:
        """The same run as another coordinator knows it that has read nothing but the records."""
        workflow = self.plan.workflow
        other = type(self)(*workflow.steps, timeout=workflow.timeout, closing=workflow.finally_)
        other.now, other.revision = self.now, self.revision
        other.stored, other.records = self.stored, dict(self.records)
        other.state, other.effects = rebuild(
            self.plan,
            *self.stored,
            self.records,
            self.now,
            abandoned=abandoned,
            requests=asked,
        )
        if other.saved:
            other.revision += 1
            other.state = replace(other.state, revision=other.revision)
            other.stored = (other.state.record, other.revision)
        return other

    def viewed(self) -> dict[str, StepStatus]:
        """The steps as people see them."""
        state = view(self.plan, *self.stored, self.records, self.now)
        return {id_: state.steps[id_].status for id_ in self.plan.order}


def undoing() -> Run:
    """`last` failed; `backed` is being compensated, then `plain`, which completed first."""
    return (
        Run(
            step("plain", undo=2),
            step("asking", "plain", human=True, undo=2),
            step("backed", "asking", fallback=True, undo=2, critical=True),
            step("last", "backed"),
            step("never", "last"),
        )
        .starts()
        .completes("plain")
        .fails("asking")
        .is_answered(HumanAction.COMPLETE, output=out("mine"))
        .fails("backed")
        .completes("backed")
        .fails("last")
    )
