"""What one step waits for, by its state."""

from __future__ import annotations

__all__ = ["of_recorded", "of_step"]

from typing import TYPE_CHECKING, assert_never

from flowworker.core.forward import verdict_on
from flowworker.core.ids import defined_id, index_of, shown_id
from flowworker.core.records import StopReason
from flowworker.core.rules import Verdict
from flowworker.core.status import TERMINAL, Kind, Outcome, StepStatus
from flowworker.diagnosis.attempts import NAMED, asked, claimed, loop
from flowworker.diagnosis.evidence import is_over
from flowworker.diagnosis.others import coordinator
from flowworker.diagnosis.reasons import Reason, ReasonKind
from flowworker.diagnosis.sentences import few, lasted, within
from flowworker.diagnosis.unclaimed import unclaimed

if TYPE_CHECKING:
    from flowworker.core.records import StepRecord
    from flowworker.diagnosis.evidence import Evidence


def of_step(seen: Evidence, step: str) -> tuple[Reason, ...]:
    """What a step, or an instance of a loop, waits for; nothing if it is over.

    The definition must be known.
    """
    if seen.record.status in TERMINAL:
        return ()
    if step in seen.unread:
        text = f"its record cannot be read: {seen.unread[step]}"
        remedy = "see docs/how-to/runbooks.md on records that cannot be read"
        return (Reason(ReasonKind.BROKEN, text, (shown_id(step),), remedy=remedy),)
    if step not in seen.state.steps:
        return _to_come(seen, step)
    status = seen.at(step).status
    match status:
        case StepStatus.PENDING:
            return _pending(seen, step)
        case (
            StepStatus.RUNNING
            | StepStatus.RETRYING
            | StepStatus.REPEATING
            | StepStatus.FALLBACK
            | StepStatus.COMPENSATING
        ):
            return _attempted(seen, step)
        case StepStatus.WAITING_HUMAN:
            return asked(seen, step)
        case StepStatus.COMPLETED:
            return _completed(seen, step)
        case StepStatus.FAILED | StepStatus.SKIPPED | StepStatus.CANCELLED | StepStatus.COMPENSATED:
            return ()
        case _:
            assert_never(status)


def _attempted(seen: Evidence, step: str) -> tuple[Reason, ...]:
    claim, loops = seen.claim(step), seen.state.loops
    if step in loops:
        return loop(seen, step, loops[step])
    if claim is None or (claim.worker and claim.lease_until <= seen.now):
        return unclaimed(seen, step)
    return claimed(seen, step, claim)


def _pending(seen: Evidence, step: str) -> tuple[Reason, ...]:
    record = seen.record
    if record.is_early:
        return (Reason(ReasonKind.START, "its run has not begun", until=record.begins_at),)
    if step in seen.state.inflight:
        return unclaimed(seen, step)
    if seen.forbids(step, Kind.RUN):
        return (Reason(ReasonKind.STOPPING, "will not begin: its run stops"),)
    plan, state = seen.plan, seen.state
    if plan.closes(step) and record.ending is None:
        left = [one for one in plan.order if not (plan.closes(one) or is_over_in(seen, one))]
        text = f"runs when all else is over: {few(_stated(seen, left))}"
        return (Reason(ReasonKind.FINALLY, text, _shown(left)),)
    match verdict_on(plan, state, step):
        case Verdict.WAIT:
            left = [one for one in plan.step(step).depends_on if not is_over_in(seen, one)]
            text = f"waits for {few(_stated(seen, left))}"
            return (Reason(ReasonKind.DEPENDENCY, text, _shown(left)),)
        case Verdict.RUN:
            return unclaimed(seen, step)
        case _:
            return (coordinator(seen, "skip it, since its trigger rule cannot be met"),)


def is_over_in(seen: Evidence, step: str) -> bool:
    """Whether a step is over, as far as its record can be read."""
    return is_over(seen.at(step).status) and step not in seen.unread


def _stated(seen: Evidence, steps: list[str]) -> list[str]:
    return [f"{shown_id(one)} ({seen.at(one).status})" for one in steps]


def _shown(steps: list[str]) -> tuple[str, ...]:
    return tuple(shown_id(one) for one in steps[:NAMED])


def _completed(seen: Evidence, step: str) -> tuple[Reason, ...]:
    """It is over, unless it is to be compensated."""
    saga, stop = seen.state.saga, seen.record.stop
    if saga is not None:
        if step not in saga:
            return ()
        if saga[0] == step:
            return unclaimed(seen, step)
        text = f"is compensated after {few(_stated(seen, list(saga[: saga.index(step)])))}"
        return (Reason(ReasonKind.COMPENSATION, text, _shown(list(saga[: saga.index(step)]))),)
    if stop is None or seen.record.ending is not None or seen.defined(step).saga is None:
        return ()
    if stop.reason in {StopReason.ENDED, StopReason.TERMINATED}:
        return ()
    left = sorted(seen.state.inflight)
    if not left:
        return (coordinator(seen, "begin the compensations", seen.steps[step][0].finished_at),)
    text = f"is compensated once attempts have ended: {few(_stated(seen, left))}"
    return (Reason(ReasonKind.COMPENSATION, text, _shown(left)),)


def _to_come(seen: Evidence, step: str) -> tuple[Reason, ...]:
    """An instance of a loop that has not begun."""
    whole, index = defined_id(step), index_of(step)
    found = seen.state.loops.get(whole)
    if found is None or index is None:
        return of_step(seen, whole) if index is not None else ()
    if index >= found.count:
        return ()
    waits = [one for one in loop(seen, whole, found) if one.kind is not ReasonKind.LOOP]
    if waits:
        return tuple(waits)
    return (coordinator(seen, "begin it"),)


def of_recorded(seen: Evidence, record: StepRecord) -> tuple[Reason, ...]:
    """What can be said without a definition."""
    if record.outcome is not Outcome.RUNNING:
        return ()
    since, until = record.started_at, record.lease_until or record.wakes_at
    subject = record.worker or record.child
    kind = ReasonKind.WORKER if record.worker else ReasonKind.CHILD
    if not subject:
        text = f"waits{lasted(since, seen.now)}"
        return (Reason(ReasonKind.TIMER, text, since=since, until=until),)
    what = "worker" if record.worker else "run"
    text = f"{what} {subject} executes it{lasted(since, seen.now)}"
    if record.worker:
        text += f"; its lease ends{within(until, seen.now)}"
    return (Reason(kind, text, (subject,), since, until),)
