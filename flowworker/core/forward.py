"""The way forward: ready steps are dispatched until every step is resolved."""

from __future__ import annotations

__all__ = [
    "OPEN",
    "begin",
    "dispatch_ready",
    "judged",
    "resolve",
    "start",
    "step_completed",
    "step_skipped",
    "verdict_on",
]

from collections import deque
from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from flowworker.core.effects import Emit, SetTimeout
from flowworker.core.event_types import EventType
from flowworker.core.ids import index_of
from flowworker.core.loops import over
from flowworker.core.rules import NOTHING, Resolution, Verdict, verdict
from flowworker.core.status import SkipReason, StepStatus

if TYPE_CHECKING:
    from flowworker.core.draft import Draft
    from flowworker.core.facts import Judged, StepCompleted, StepSkipped
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState

OPEN = frozenset(
    {
        StepStatus.PENDING,
        StepStatus.RUNNING,
        StepStatus.RETRYING,
        StepStatus.REPEATING,
        StepStatus.FALLBACK,
    }
)
"""States in which an attempt of the step or its fallback may still end."""


def start(draft: Draft) -> None:
    """Begin, unless the run has begun."""
    first = draft.plan.order[0]
    if draft.state.steps[first].status is StepStatus.PENDING and first not in draft.state.inflight:
        begin(draft)


def begin(draft: Draft) -> None:
    """Set the workflow's timeout; dispatch what is ready and not yet dispatched."""
    timeout = draft.plan.workflow.timeout
    if timeout is not None:
        draft.rest.append(SetTimeout(draft.state.record.created_at + timeout))
    dispatch_ready(draft, draft.plan.order)


def verdict_on(plan: Plan, state: RunState, step: str) -> Verdict:
    """What the step's rule says, as far as its dependencies are over."""
    if plan.closing and state.record.ending is None and plan.closes(step):
        return Verdict.WAIT
    join = plan.joins.get(step)
    if join is None:  # no instance of a loop depends on anything either
        return Verdict.RUN
    rule, dependencies = join
    return verdict(rule, state.tallies.get(step, NOTHING), dependencies)


def dispatch_ready(draft: Draft, steps: tuple[str, ...]) -> list[tuple[str, Resolution]]:
    """Dispatch those of the steps that may run and were not dispatched before.

    Those that cannot run any more are skipped, and returned: they are resolved.
    """
    skipped: list[tuple[str, Resolution]] = []
    if draft.state.record.is_early:  # or was stopped before it began
        return skipped
    for step in steps:
        at = draft.state.steps[step]
        if at.status is not StepStatus.PENDING or step in draft.state.inflight:
            continue
        what = verdict_on(draft.plan, draft.state, step)
        match what:
            case Verdict.RUN:
                draft.begin(step, at.attempt.turn)
            case Verdict.SKIP:
                _skip(draft, step, SkipReason.UPSTREAM)
                skipped.append((step, Resolution.SKIPPED))
            case Verdict.FAIL:
                _skip(draft, step, SkipReason.UPSTREAM_FAILED)
                skipped.append((step, Resolution.UPSTREAM_FAILED))
            case Verdict.WAIT:
                pass
            case _:
                assert_never(what)
    return skipped


def _skip(draft: Draft, step: str, reason: SkipReason) -> None:
    draft.settle(step, StepStatus.SKIPPED, skipped=reason)
    detail = f"{step}/{draft.state.steps[step].attempt.turn}"
    draft.emits.append(Emit(EventType.STEP_SKIPPED, detail, step_id=step, reason=reason))


def judged(draft: Draft, fact: Judged) -> None:
    """Its condition is true, so the step is dispatched."""
    at = draft.state.steps.get(fact.step)
    if at is not None and at.status is StepStatus.PENDING and fact.step in draft.state.inflight:
        draft.dispatch(fact.step, at.attempt)


def step_skipped(draft: Draft, fact: StepSkipped) -> None:
    """Its condition is false. Also while stopping: it competed with the fence."""
    at = draft.state.steps.get(fact.step)
    if at is None or at.status not in OPEN:
        return
    draft.settle(
        fact.step,
        StepStatus.SKIPPED,
        attempt=draft.first(fact.step, fact.turn),
        revision=fact.revision,
        error=None,
        skipped=SkipReason.WHEN,
    )
    resolve(draft, fact.step, Resolution.SKIPPED)


def step_completed(draft: Draft, fact: StepCompleted) -> None:
    """Keep the output and go on to the successors. Also while stopping: the saga undoes it."""
    if fact.step not in draft.state.steps or draft.state.steps[fact.step].status not in OPEN:
        return
    draft.settle(
        fact.step,
        StepStatus.COMPLETED,
        attempt=fact.attempt,
        output=fact.output,
        revision=fact.revision,
        completed=fact.revision,
        error=None,
    )
    resolve(draft, fact.step, Resolution.SUCCESS)


def resolve(draft: Draft, step: str, resolution: Resolution) -> None:
    """Successors wait for one step less; those that may run are dispatched. Loops count theirs.

    Those that cannot run any more are resolved in turn. Nothing of that stands in a record of its
    own: it follows from the step's, in a replay as now, also while stopping.
    """
    if index_of(step) is not None:
        over(draft, step, resolution)
        return
    resolved = deque(((step, resolution),))
    while resolved:
        step, resolution = resolved.popleft()
        successors = draft.plan.successors[step]
        tallies = draft.state.tallies
        for successor in successors:
            tally = tallies.get(successor, NOTHING)
            tallies = tallies.set(successor, tally.plus(resolution))
        draft.state = replace(draft.state, tallies=tallies, unresolved=draft.state.unresolved - 1)
        resolved.extend(dispatch_ready(draft, successors))
