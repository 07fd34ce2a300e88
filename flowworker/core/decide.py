"""The engine's one decision: a run and what happened to it -> the run and what shall be done.

`decide` is pure and total. It may be called with any fact at any time: a fact that is old,
repeated or out of place changes nothing. The phases of a run:

    forward     ready steps are dispatched; ends when every step is completed or skipped, or has
                failed and is passed over
    stopping    `stop` is set: no step starts, those in flight are fenced and awaited
    saga        nothing is in flight: compensations run one by one
    finally     all else is over: its steps run, and nothing but a terminate stops them
    terminal    the record says so: nothing follows any more

In each of them but the last a run may be paused: then what would begin is held (`paused`).
"""

from __future__ import annotations

__all__ = ["advance", "decide", "follow", "outruns"]

from typing import TYPE_CHECKING, assert_never

from flowworker.core import facts
from flowworker.core.conclusion import conclude, concluded
from flowworker.core.draft import Draft
from flowworker.core.ending import close
from flowworker.core.failure import attempt_failed
from flowworker.core.forward import OPEN, judged, start, step_skipped, verdict_on
from flowworker.core.human import decided
from flowworker.core.loops import expanded
from flowworker.core.repeating import iterated, repeated
from flowworker.core.rules import Verdict
from flowworker.core.status import TERMINAL
from flowworker.core.steering import steered
from flowworker.core.stopping import (
    cancel_requested,
    compensated,
    completed,
    continue_saga,
    fail_lost,
    step_cancelled,
    timed_out,
)
from flowworker.core.waiting import signalled

if TYPE_CHECKING:
    from flowworker.core.draft import Effects
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState


def decide(plan: Plan, state: RunState, fact: facts.Fact, now: float) -> tuple[RunState, Effects]:
    """What follows from a fact.

    Args:
        plan: the definition that the run is pinned to.
        state: the run before.
        fact: what happened; known to be durable.
        now: seconds since the Unix epoch.

    Returns:
        The run after, and the effects to perform in their order.
    """
    draft = Draft(plan, state, now)
    if state.status not in TERMINAL:
        follow(draft, fact)
    return draft.state, draft.effects()


def follow(draft: Draft, fact: facts.Fact) -> None:
    """Do what a fact means to a run that has not ended, and go on."""
    _apply(draft, fact)
    advance(draft)


def outruns(plan: Plan, fact: facts.Fact, state: RunState) -> bool:
    """Whether a fact contradicts what is known of a run: its step cannot have begun yet.

    The coordinator that dispatched it knew more, most likely because the run was rebuilt from stale
    records, which lack outputs that later steps need. (Or a checkpoint was written by hand.)
    """
    match fact:
        case (
            facts.StepCompleted() | facts.AttemptFailed() | facts.StepSkipped() | facts.Iterated()
        ) if state.status not in TERMINAL:
            at = state.steps.get(fact.step)
            if at is None or at.status not in OPEN:
                return False
            return verdict_on(plan, state, fact.step) is not Verdict.RUN
        case _:
            return False


def _apply(draft: Draft, fact: facts.Fact) -> None:
    match fact:
        case facts.StepCompleted():
            completed(draft, fact)
        case facts.RunStarted():
            start(draft)
        case facts.AttemptFailed():
            attempt_failed(draft, fact)
        case facts.Iterated():
            iterated(draft, fact)
        case facts.StepCancelled():
            step_cancelled(draft, fact)
        case facts.Compensated():
            compensated(draft, fact)
        case (
            facts.HumanDecided()
            | facts.CancelRequested()
            | facts.Signalled()
            | facts.Steered()
            | facts.TimedOut()
        ):
            _asked(draft, fact)
        case facts.StepSkipped():
            step_skipped(draft, fact)
        case facts.Judged() | facts.Concluded() | facts.Expanded() | facts.Repeated():
            _answered(draft, fact)
        case _:
            assert_never(fact)


def _asked(
    draft: Draft,
    request: facts.HumanDecided
    | facts.CancelRequested
    | facts.Signalled
    | facts.Steered
    | facts.TimedOut,
) -> None:
    match request:
        case facts.HumanDecided():
            decided(draft, request)
        case facts.CancelRequested():
            cancel_requested(draft, request)
        case facts.Signalled():
            signalled(draft, request)
        case facts.Steered():
            steered(draft, request)
        case facts.TimedOut():
            timed_out(draft)
        case _:
            assert_never(request)


def _answered(
    draft: Draft, answer: facts.Judged | facts.Concluded | facts.Expanded | facts.Repeated
) -> None:
    match answer:
        case facts.Judged():
            judged(draft, answer)
        case facts.Expanded():
            expanded(draft, answer)
        case facts.Concluded():
            concluded(draft, answer)
        case facts.Repeated():
            repeated(draft, answer)
        case _:
            assert_never(answer)


def advance(draft: Draft) -> None:
    """Go on to the next phase if this one has ended."""
    fail_lost(draft)
    stop, ending = draft.state.record.stop, draft.state.record.ending
    if ending is not None:
        close(draft, ending)
    elif stop is None:
        if draft.state.unresolved == 0:
            conclude(draft)
    elif not draft.state.inflight:
        continue_saga(draft, stop)
