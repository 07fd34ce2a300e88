"""One call of `decide`: the state as it changes, and the effects as they come up."""

from __future__ import annotations

__all__ = ["Draft", "Effects"]

from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from flowworker.core.attempt import Attempt
from flowworker.core.effects import (
    Conclude,
    Dispatch,
    Emit,
    Enter,
    Expand,
    Fence,
    Finish,
    Gather,
    Judge,
    Repeat,
    Save,
    SetStart,
)
from flowworker.core.event_types import END_OF, EventType
from flowworker.core.ids import defined_id, index_of
from flowworker.core.paused import holds
from flowworker.core.records import StopReason
from flowworker.core.status import Kind, RunStatus, StepStatus

if TYPE_CHECKING:
    from flowworker.core.effects import Effect
    from flowworker.core.graph import Plan
    from flowworker.core.model import Step
    from flowworker.core.records import ErrorInfo, RunRecord
    from flowworker.core.state import RunState

Effects = tuple["Effect", ...]

_OVER = {"due": 0.0, "lost": 0, "lease_until": 0.0, "since": 0.0, "spent": ()}
"""What a step has of an attempt in flight, once nothing is."""


class Draft:
    """Where the rules of each phase write down what they decide.

    Attributes:
        plan: the definition that the run is pinned to.
        state: the run so far.
        now: seconds since the Unix epoch.
        emits: the run's history, in order.
        rest: everything else that shall be done.
        lost: loops of which too many instances have failed, and that none is going on of any more,
            with what became of them.
    """

    __slots__ = ("_stored", "emits", "lost", "now", "plan", "rest", "state")

    def __init__(self, plan: Plan, state: RunState, now: float) -> None:
        """Begin with nothing decided."""
        self.plan = plan
        self.state = state
        self.now = now
        self.emits: list[Emit] = []
        self.rest: list[Effect] = []
        self.lost: dict[str, ErrorInfo] = {}
        self._stored: RunRecord = state.record

    @property
    def stopping(self) -> bool:
        """Whether no step may start any more."""
        if self.state.record.ending is not None:
            return self.terminated
        return self.state.record.stop is not None

    @property
    def terminated(self) -> bool:
        """Whether no compensation may start any more either."""
        stop = self.state.record.stop
        return stop is not None and stop.reason is StopReason.TERMINATED

    @property
    def paused(self) -> bool:
        """Whether what would begin is held."""
        return self.state.record.is_paused

    def compare_with(self, stored: RunRecord) -> None:
        """That is the run's record as it is stored, of which this began with another."""
        self._stored = stored

    def forbids(self, kind: Kind, step: str) -> bool:
        """Whether attempts of that kind may not start any more for a step."""
        if kind is Kind.COMPENSATE:
            return self.terminated
        return self.stopping or self.stops(step)

    def stops(self, step: str) -> bool:
        """Whether a step is an instance of a loop of which too many have failed."""
        loops = self.state.loops
        if not loops or index_of(step) is None:
            return False
        loop = loops.get(defined_id(step))
        return loop is not None and loop.failing is not None

    def effects(self) -> Effects:
        """Everything decided: the record first, then the history, then the rest."""
        record = self.state.record
        rest = self.rest
        # Whatever supersedes an effect is one of these, and nearly no run has any
        if record.stop is not None or record.ending is not None or self.paused or self.state.loops:
            rest = [effect for effect in rest if not self._is_superseded(effect)]
        if record is self._stored or record == self._stored:
            return (*self.emits, *rest)
        moved = record.status is not self._stored.status
        return (Save(self._stored.status if moved else None), *self.emits, *rest)

    def _is_superseded(self, effect: Effect) -> bool:
        """Whether a later request has stopped what it would enqueue or ask: that needs no input.

        Or whether it is held, as the run pauses.
        """
        if self.paused and holds(effect):
            return True
        match effect:
            case Dispatch():
                return self.forbids(effect.attempt.kind, effect.step)
            case Repeat():
                return self.forbids(Kind.RUN, effect.step)
            case Conclude() | Enter() | Expand() | Gather() | Judge() | SetStart():
                return self.stopping
            case _:
                return False

    def dispatch(
        self,
        step: str,
        attempt: Attempt,
        due: float = 0.0,
        since: float = 0.0,
        spent: tuple[int, ...] = (),
        *,
        begun: bool = False,
    ) -> None:
        """Enqueue an attempt; `since` and `spent` are what its record shall carry on.

        One that has `begun` is known from its record, and asks what it asks though the run pauses.

        If it may not start any more it is fenced instead: a coordinator with a stale view may
        have enqueued it, and the run must not go on before that is known.
        """
        at = self.state.steps[step]
        changed = replace(
            at,
            status=_dispatched(attempt),
            attempt=attempt,
            due=due,
            lost=0,
            lease_until=0.0,
            since=since,
            spent=spent,
        )
        self.state = replace(
            self.state,
            steps=self.state.steps.set(step, changed),
            inflight=self.state.inflight.set(step, None),
        )
        if self.forbids(attempt.kind, step):
            self.fence(step)
            return
        defined = self.plan.step(step)
        if defined.for_each is not None:
            self.rest.append(Expand(step, attempt, at.revision))
            return
        self.rest.append(Dispatch(step, attempt, at.revision, due=due))
        if defined.approval is not None and (begun or not self.paused):
            self.ask(step, attempt)

    def ask(self, step: str, attempt: Attempt) -> None:
        """A human is asked, if that is what the attempt in flight does: it waits for the answer."""
        asked = self.plan.step(step).approval
        if asked is None or attempt.kind is not Kind.RUN:
            return
        detail = f"{step}/{attempt}"
        self.emits.append(Emit(EventType.WAITING_HUMAN, detail, step_id=step, reason=asked.prompt))
        self.state = replace(
            self.state.with_record(status=RunStatus.WAITING_HUMAN),
            waiting=self.state.waiting | {step},
        )

    def unask(self, step: str) -> None:
        """The step waits for no human any more."""
        waiting = self.state.waiting - {step}
        if not waiting and self.state.status is RunStatus.WAITING_HUMAN:
            self.state = self.state.with_record(status=RunStatus.RUNNING)
        self.state = replace(self.state, waiting=waiting)

    def first(self, step: str, turn: int) -> Attempt:
        """The attempt with which a turn of a step begins."""
        return _first(self.plan.step(step), turn)

    def repeat(self, step: str) -> None:
        """Ask whether a step, of which an iteration has ended, runs again.

        If it may not, it is fenced.
        """
        at = self.state.steps[step]
        if self.forbids(Kind.RUN, step):
            self.fence(step)
        else:
            self.rest.append(Repeat(step, at.attempt, at.revision, at.due))

    def begin(self, step: str, turn: int) -> None:
        """Begin a turn of a step: dispatch its first attempt, or judge its condition first."""
        defined = self.plan.step(step)
        attempt = _first(defined, turn)
        if defined.when is None:
            self.dispatch(step, attempt)
        else:
            self.state = self.state.with_step(step, status=StepStatus.PENDING, attempt=attempt)
            self.judge(step)

    def judge(self, step: str) -> None:
        """Ask whether the step's condition lets it run: its first attempt is in flight until then.

        While stopping nothing is judged any more, and it is fenced like any other.
        """
        at = self.state.steps[step]
        attempt = self.first(step, at.attempt.turn)
        if self.stopping:
            self.dispatch(step, attempt)
            return
        self.state = replace(
            self.state.with_step(step, attempt=attempt),
            inflight=self.state.inflight.set(step, None),
        )
        self.rest.append(Judge(step, attempt, at.revision))

    def fence(self, step: str, *, force: bool = False) -> None:
        """See to it that an attempt in flight ends; a terminate does not wait for its worker.

        Between two iterations that is the next one's first, which is dispatched, and so fenced.
        """
        at = self.state.steps[step]
        if at.status is StepStatus.REPEATING:
            self.state = self.state.with_step(step, output=None)
            self.dispatch(step, at.attempt.repeated)
            return
        force = force or self.terminated
        self.rest.append(Fence(step, at.attempt, force, at.revision))

    def settle(self, step: str, status: StepStatus, **changes: object) -> None:
        """The step has nothing in flight any more."""
        if step in self.state.waiting and step in self.state.inflight:
            self.unask(step)
        state = self.state
        over = {**_OVER, **changes}
        changed = replace(state.steps[step], status=status, **over)
        inflight = state.inflight
        self.state = replace(
            state,
            steps=state.steps.set(step, changed),
            inflight=inflight.delete(step) if step in inflight else inflight,
        )

    def end(self, status: RunStatus, **changes: object) -> None:
        """The run ends."""
        self.state = self.state.with_record(
            status=status, finished_at=self.now, paused=None, held=None, **changes
        )
        self.emit_end()

    def emit_end(self) -> None:
        """The last event of a run, and what belongs to its end."""
        record, stop = self.state.record, self.state.record.stop
        self.emits.append(
            Emit(
                END_OF[record.status],
                error=record.error,
                reason="" if stop is None or stop.reason is not StopReason.ENDED else stop.message,
                failed_compensations=record.failed_compensations,
            )
        )
        self.rest.append(Finish())


def _first(step: Step, turn: int) -> Attempt:
    return Attempt(Kind.RUN, turn, 1, 0 if step.repeat is None else 1)


def _dispatched(attempt: Attempt) -> StepStatus:
    match attempt.kind:
        case Kind.RUN:
            return StepStatus.RETRYING if attempt.number > 1 else StepStatus.RUNNING
        case Kind.FALLBACK:
            return StepStatus.FALLBACK
        case Kind.COMPENSATE:
            return StepStatus.COMPENSATING
        case _:
            assert_never(attempt.kind)
