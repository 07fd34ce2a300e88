"""Runs that have ended, and what a rerun of them would do."""

from __future__ import annotations

from flowworker.core.graph import Plan
from flowworker.core.model import Step, Workflow
from flowworker.core.rebuild import view
from flowworker.core.records import Rerun
from flowworker.core.rerun import RerunPlan, plan_rerun
from flowworker.core.state import RunState
from tests.core.dsl import Run, step

ALL, FAILED = Rerun(), Rerun(failed=True)


def ended(run: Run) -> RunState:
    """As people see it."""
    return view(run.plan, *run.stored, run.records, run.now)


def planned(run: Run, wanted: Rerun, *steps: Step) -> RerunPlan:
    """Of the same definition, or of one with these steps."""
    after = Plan(Workflow("w", steps, version="v2"), "h2") if steps else run.plan
    return plan_rerun(run.plan, ended(run), after, wanted)


def kept(plan: RerunPlan) -> list[str]:
    assert plan.problems == ()
    return [choice.step for choice in plan.choices if choice.kept]


def why(plan: RerunPlan) -> dict[str, str]:
    return {choice.step: choice.why for choice in plan.choices}


def chain(*, undo: str = "") -> Run:
    """`a`, then `b`, then `c`, which fails; `d` is behind it, `side` beside all."""
    run = Run(
        step("a", undo="a" in undo),
        step("b", "a", undo="b" in undo),
        step("c", "b"),
        step("d", "c"),
        step("side"),
    )
    return run.starts().completes("side", "a", "b").fails("c")
