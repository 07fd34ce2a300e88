"""One step of a run, for people to look at."""

from __future__ import annotations

__all__ = ["InstancesView", "StepView", "hidden_step", "is_unclaimed", "recorded", "seen_step"]

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowworker.client.payloads import PayloadView  # noqa: TC001 - frameworks read the types of views
from flowworker.client.step_history import AttemptView  # noqa: TC001
from flowworker.core.attempt import UNATTEMPTED
from flowworker.core.ids import shown_id
from flowworker.core.status import Kind, Outcome, SkipReason, StepStatus
from flowworker.diagnosis.reasons import Reason  # noqa: TC001

if TYPE_CHECKING:
    from flowworker.client.hiding import RunHider
    from flowworker.client.step_history import StepHistory
    from flowworker.core.model import Step
    from flowworker.core.records import StepRecord
    from flowworker.core.state import StepState

_WELL = {StepStatus.COMPLETED, StepStatus.SKIPPED, StepStatus.COMPENSATED}
_OUTCOMES = {
    Outcome.RUNNING: StepStatus.RUNNING,
    Outcome.COMPLETED: StepStatus.COMPLETED,
    Outcome.FAILED: StepStatus.FAILED,
    Outcome.CANCELLED: StepStatus.CANCELLED,
    Outcome.SKIPPED: StepStatus.SKIPPED,
    Outcome.ITERATED: StepStatus.REPEATING,
}
_INFLIGHT = {
    StepStatus.PENDING,
    StepStatus.RUNNING,
    StepStatus.RETRYING,
    StepStatus.FALLBACK,
    StepStatus.COMPENSATING,
}


@dataclass(frozen=True, slots=True)
class InstancesView:
    """What has become of the instances of a loop.

    Attributes:
        count: how many there are in all.
        states: how many of them are in which state.
        shown: the first of those that are not simply pending or completed, failed ones first.
    """

    count: int
    states: dict[str, int]
    shown: tuple[StepView, ...] = ()


@dataclass(frozen=True, slots=True)
class StepView:
    """One step. Times are seconds since the Unix epoch, 0 if there is none.

    Attributes:
        attempt: the latest one that was dispatched, from 1; 0 before the first.
        turn: to which it belongs: 1, and one more for each `retry` that a human ordered.
        iteration: to which it belongs, from 1; 0 if the step is not repeated.
        error: of the latest attempt, one line.
        started_at, finished_at: of the latest attempt; of a step that is or was compensated, from
            its first attempt to its result.
        worker: who holds or held the claim of the latest attempt.
        due: when the next attempt may start, while the step is RETRYING or REPEATING; 0 if an
            expression will say it.
        kind: what the latest attempt executes: the step itself, its fallback or its compensation.
        lost: workers that died during the latest attempt; another one took it over each time.
        waits_for: the handler for which the latest attempt waits: no worker that was offered it
            has that.
        skipped: why it is skipped, if no operator wanted it.
        kept_from: the run that has executed it, if this one is a rerun and keeps it.
        prompt: what the step asks a human, while it waits for the answer.
        signal: the signal that it waits for, while it does.
        until: when it wakes, or gives up waiting, while it waits for that.
        actor, reason: who answered, and why.
        undo_started_at, undo_finished_at: of the compensation's latest attempt.
        child: the run that the latest attempt is, if it is one.
        instances: of a loop that has begun.
        traceback: of the latest error, shortened; empty if no handler raised it.
        input, output: what the latest attempt is given, and what the step has put out; None if that
            is nothing, or was not asked for.
        attempts: those that have ended, oldest first, if they were asked for.
        why: what it waits for, if that was asked for.
    """

    id: str
    status: StepStatus
    attempt: int = 0
    error: str = ""
    started_at: float = 0.0
    finished_at: float = 0.0
    worker: str = ""
    due: float = 0.0
    kind: Kind = Kind.RUN
    lost: int = 0
    waits_for: str = ""
    undo_started_at: float = 0.0
    undo_finished_at: float = 0.0
    prompt: str = ""
    actor: str = ""
    reason: str = ""
    skipped: SkipReason | None = None
    kept_from: str = ""
    child: str = ""
    signal: str = ""
    until: float = 0.0
    instances: InstancesView | None = None
    iteration: int = 0
    traceback: str = ""
    input: PayloadView | None = None
    output: PayloadView | None = None
    attempts: tuple[AttemptView, ...] = ()
    why: tuple[Reason, ...] = ()
    turn: int = 1


def _current(state: StepState, found: tuple[StepRecord, int] | None) -> StepRecord | None:
    """The step's record, unless it is that of an attempt before the one dispatched last."""
    return found[0] if found is not None and found[0].attempt == state.attempt else None


def is_unclaimed(state: StepState, found: tuple[StepRecord, int] | None) -> bool:
    """Whether an attempt may wait for a worker; of a first attempt there is no record yet."""
    return state.status in _INFLIGHT and _current(state, found) is None


def _missing(
    step: str, state: StepState, found: tuple[StepRecord, int] | None, history: StepHistory
) -> str:
    """The handler that keeps a step waiting, if one does."""
    attempt, handler = history.missing.get(step, (UNATTEMPTED, ""))
    later = found is None or attempt > found[0].attempt
    return handler if later and is_unclaimed(state, found) else ""


def _due(definition: Step, state: StepState) -> float:
    """When the next attempt may start, as far as that is known without evaluating anything."""
    if state.status is StepStatus.RETRYING:
        return state.due
    pause = definition.repeat.interval if definition.repeat else ""
    if state.status is not StepStatus.REPEATING or isinstance(pause, str):
        return 0.0
    return state.due + pause


def seen_step(
    step: str,
    definition: Step,
    state: StepState,
    found: tuple[StepRecord, int] | None,
    history: StepHistory,
) -> StepView:
    """What is decided about a step, and the facts that its record and its history add."""
    record, current = None if found is None else found[0], _current(state, found)
    waits = current is not None and current.outcome is Outcome.RUNNING
    seen = StepView(
        id=shown_id(step),
        status=state.status,
        attempt=state.attempt.number,
        turn=state.attempt.turn,
        iteration=state.attempt.iteration,
        error="" if state.error is None or state.status in _WELL else str(state.error),
        started_at=record.started_at if record else 0.0,
        finished_at=current.finished_at if current else 0.0,
        worker=record.worker if record else "",
        due=_due(definition, state),
        kind=state.attempt.kind,
        lost=current.lost if current else 0,
        waits_for=_missing(step, state, found, history),
        skipped=state.skipped,
        kept_from=record.kept_from if record else "",
        prompt=current.prompt if current and state.status is StepStatus.WAITING_HUMAN else "",
        actor=current.actor if current else "",
        reason=current.reason if current else "",
        child=record.child if record else "",
        signal=definition.wait_for.signal if waits and definition.wait_for else "",
        until=current.wakes_at if current and waits else 0.0,
        traceback=record.traceback if record and state.status not in _WELL else "",
    )
    return _with_own_times(seen, step, record, history)


def _with_own_times(
    seen: StepView, step: str, record: StepRecord | None, history: StepHistory
) -> StepView:
    """A compensation's record has taken the place of its step's: its times stand for themselves."""
    if record is None or record.kind is not Kind.COMPENSATE:
        return seen
    return replace(
        seen,
        started_at=history.started.get(step, 0.0),
        finished_at=history.completed.get(step, 0.0),
        undo_started_at=record.started_at,
        undo_finished_at=seen.finished_at,
    )


def recorded(record: StepRecord, history: StepHistory) -> StepView:
    """What is said without a definition."""
    seen = StepView(
        id=record.step,
        status=_OUTCOMES[record.outcome],
        attempt=record.number,
        turn=record.turn,
        iteration=record.iteration,
        error="" if record.error is None else str(record.error),
        started_at=record.started_at,
        finished_at=record.finished_at,
        worker=record.worker,
        kind=record.kind,
        lost=record.lost,
        child=record.child,
        traceback=record.traceback,
    )
    return _with_own_times(seen, record.step, record, history)


def hidden_step(step: StepView, hider: RunHider) -> StepView:
    """A step with its instances, without secrets; payloads were hidden when they were read."""
    hide, instances = hider.text, step.instances
    texts = step.error, step.prompt, step.reason, step.traceback
    if not (any(texts) or instances or step.attempts):
        return step  # as are most of a large run
    if instances is not None:
        shown = tuple(hidden_step(instance, hider) for instance in instances.shown)
        instances = replace(instances, shown=shown)
    return replace(
        step,
        error=hide(step.error),
        prompt=hide(step.prompt),
        reason=hide(step.reason),
        traceback=hide(step.traceback),
        instances=instances,
        attempts=tuple(replace(one, error=hide(one.error)) for one in step.attempts),
    )
