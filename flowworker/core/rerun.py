"""What a rerun does again of a run that has ended, and what it keeps.

A step is kept if it was completed, or skipped, is not behind the point at which the rerun begins,
and all that it depends on is kept: what it put out follows from that. What was compensated is not
there any more, so it is done again, and so is all that is behind it. A step that ends its run is
never kept: the rerun would end at once. A failure that was passed over
is kept if the rerun begins from a step, since it is in the past of that, and not if what failed is
to be done again.

Another definition fits if each step that is kept means in it what it meant before: the same handler
with the same dependencies and the same input. How often it would have been tried again, and what
would have undone it, is of no importance to what it put out.
"""

from __future__ import annotations

__all__ = ["Choice", "RerunPlan", "kept_instances", "kept_record", "plan_rerun", "replay_kept"]

from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import fields, replace

from flowworker.core.forward import resolve
from flowworker.core.ids import instance_id, shown_id
from flowworker.core.records import StepRecord
from flowworker.core.rules import Resolution
from flowworker.core.status import Kind, Outcome, StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.core.draft import Draft
    from flowworker.core.graph import Plan
    from flowworker.core.model import Step
    from flowworker.core.records import Rerun
    from flowworker.core.state import RunState, StepState

_DONE = frozenset({StepStatus.COMPLETED, StepStatus.SKIPPED})

_SHOWN = 10
"""Steps that a message names."""

_HOW = frozenset(
    {
        *("queue", "priority", "timeout", "retry", "fallback", "escalation", "saga"),
        *("continue_on_error", "limits", "concurrency", "throttle", "fairness"),
    }
)
"""Fields of a step that say how it is executed, not what it is."""


class Choice(Struct, frozen=True):
    """What becomes of one step of a rerun.

    Attributes:
        kept: it stands as it was; else it runs.
        why: for people.
    """

    step: str
    kept: bool
    why: str


class RerunPlan(Struct, frozen=True):
    """What becomes of all steps, in topological order, and what stands against it."""

    choices: tuple[Choice, ...]
    problems: tuple[str, ...] = ()


def plan_rerun(before: Plan, state: RunState, after: Plan, wanted: Rerun) -> RerunPlan:
    """What a rerun does.

    Args:
        before: the definition of the run that has ended.
        state: its state, as `rebuild.view` gives it.
        after: the definition of the rerun, which may be the same.
        wanted: what is to be done again.
    """
    if wanted.point and wanted.point not in after.steps:
        near = get_close_matches(wanted.point, after.order, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {_some(after.order)}"
        return RerunPlan((), (f"{_named(after)} has no step {wanted.point!r}: {hint}",))
    choices = tuple(_choices(after, state, wanted))
    problems = tuple(_misfits(before, state, after, wanted, choices))
    forward = (
        choice
        for choice in choices
        if not after.closes(choice.step) and after.steps[choice.step].end is None
    )
    if not (problems or wanted.point) and all(choice.kept for choice in forward):
        problems = ("every step is completed, so nothing would run: say from which step",)
    return RerunPlan(choices, problems)


def kept_record(run: str, of: str, state: RunState, step: str, found: StepRecord) -> StepRecord:
    """The record of a step that a rerun keeps; its output is still that of the other run.

    What follows from others (that a rule skips a step) needs no record. This one has the place in
    the order of completions that it had, which all runs of a store share.

    Args:
        run: the rerun.
        of: the run that has ended.
        state: of that run.
        step: which step.
        found: its record there.
    """
    at = state.steps[step]
    completed = at.status is StepStatus.COMPLETED
    by_condition = found.outcome is Outcome.SKIPPED
    by_operator = at.status is StepStatus.SKIPPED and not by_condition
    outcome = Outcome.SKIPPED if by_condition else Outcome.FAILED
    return StepRecord(
        run,
        step,
        Kind.RUN,
        1,
        0,
        Outcome.COMPLETED if completed else outcome,
        worker=found.worker,
        started_at=found.started_at,
        finished_at=found.finished_at,
        output=at.output if completed else None,
        error=at.error if at.status is StepStatus.FAILED else None,
        completed=at.completed,
        reason=found.reason if by_condition else "",
        noted=StepStatus.SKIPPED if by_operator else None,
        kept_from=found.kept_from or of,
        iteration=found.iteration,
        items=found.items,
        count=found.count,
    )


def replay_kept(draft: Draft, step: StepRecord, revision: int) -> None:
    """What a rerun keeps that was not completed: skipped by an operator, or failed and passed over.

    Nothing follows from it but what follows for the steps behind it.
    """
    skipped = step.noted is StepStatus.SKIPPED
    draft.settle(
        step.step,
        StepStatus.SKIPPED if skipped else StepStatus.FAILED,
        attempt=step.attempt,
        revision=revision,
        error=step.error,
    )
    resolve(draft, step.step, Resolution.SUCCESS if skipped else Resolution.FAILED)


def _choices(plan: Plan, state: RunState, wanted: Rerun) -> Iterator[Choice]:
    again: set[str] = set()
    for step in plan.order:
        why = _why_again(plan, state, wanted, step, again)
        if why:
            again.add(step)
            yield Choice(step, kept=False, why=why)
        else:
            yield Choice(step, kept=True, why=f"it is {state.steps[step].status}")


def _why_again(plan: Plan, state: RunState, wanted: Rerun, step: str, again: set[str]) -> str:
    """Empty if it is kept."""
    if not wanted.point and not wanted.failed:
        return "all steps run again"
    if step == wanted.point:
        return "the rerun begins here"
    if plan.closes(step):
        return "`finally` runs at the end of each run"
    if plan.steps[step].end is not None:
        return "it is decided anew whether the run ends here"
    at = state.steps.get(step)
    if at is None:
        return "it is new in this definition"
    if at.status not in _DONE and not _is_past(plan, at, wanted, step):
        return f"it is {at.status}"
    if undone := _undone(state, step):
        return f"{undone} was compensated"
    behind = next((dep for dep in plan.steps[step].depends_on if dep in again), None)
    return f"it depends on {behind}, which runs again" if behind else ""


def _undone(state: RunState, step: str) -> str:
    """An instance of a loop that is not there any more; empty if there is none."""
    loop = state.loops.get(step)
    ids = (instance_id(step, index) for index in range(0 if loop is None else loop.count))
    known = ((one, state.steps.get(one)) for one in ids)
    found = (one for one, at in known if at and at.attempt.kind is Kind.COMPENSATE)
    return shown_id(next(found, ""))


def kept_instances(plan: Plan, state: RunState, step: str) -> list[str]:
    """Instances of a loop that is kept which a rerun may have to undo: it keeps these as well."""
    loop = state.loops.get(step)
    if loop is None or plan.step(instance_id(step, 0)).saga is None:
        return []
    ids = (instance_id(step, index) for index in range(loop.count))
    return [one for one in ids if one in state.steps]


def _is_past(plan: Plan, at: StepState, wanted: Rerun, step: str) -> bool:
    """Whether it is a failure that was passed over, and that the rerun is to leave alone."""
    failed = at.status is StepStatus.FAILED and at.attempt.kind is not Kind.COMPENSATE
    return failed and plan.steps[step].continue_on_error and not wanted.failed


def _misfits(
    before: Plan, state: RunState, after: Plan, wanted: Rerun, choices: tuple[Choice, ...]
) -> Iterator[str]:
    """Steps that are kept, and that the definition does not know as they were."""
    if before.hash == after.hash:
        return
    remedy = "take the definition of the run, or begin from a step before it"
    for choice in choices:
        if choice.kept and (
            changed := _changed(before.steps[choice.step], after.steps[choice.step])
        ):
            what = f"step {choice.step!r} is kept, and has another {changed} in {_named(after)}"
            yield f"{what}: {remedy}"
    for choice in _choices(before, state, wanted):
        if choice.kept and choice.step not in after.steps:
            yield f"step {choice.step!r} is kept, and is not in {_named(after)}: {remedy}"


def _changed(before: Step, after: Step) -> str:
    """The first thing in which they differ that matters to what was put out."""
    ordered = replace(before, depends_on=after.depends_on)
    if set(before.depends_on) == set(after.depends_on):
        before = ordered
    for one in fields(before):
        if one.name not in _HOW and getattr(before, one.name) != getattr(after, one.name):
            return f"`{one.encode_name}`"
    return ""


def _named(plan: Plan) -> str:
    version = f" {plan.workflow.version}" if plan.workflow.version else ""
    return f"the definition {plan.workflow.name}{version}"


def _some(steps: tuple[str, ...]) -> str:
    shown = ", ".join(steps[:_SHOWN])
    return shown if len(steps) <= _SHOWN else f"{shown}, …"
