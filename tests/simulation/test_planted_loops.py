"""Defects of loops, repeated steps and steps that are runs are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.coordinator.steps import loops, repeating
from flowworker.coordinator.steps.child_results import ChildResults
from flowworker.coordinator.steps.children import Children
from flowworker.core import loops as core
from flowworker.core import rerun
from flowworker.evaluation.evaluation import Evaluation
from simulation import world
from simulation.focus import Focus
from tests.simulation.violations import finds, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

CALM = Focus(quiet=True, constructs=True)


@pytest.mark.parametrize(
    ("function", "right", "wrong", "found"),
    [
        pytest.param(
            core.over,
            "done=loop.done + 1",
            "done=loop.done + 1 + (not loop.done)",
            "a loop ends before its instances | too many instances | nothing moves the run on",
            id="a loop that counts an instance twice",
        ),
        pytest.param(
            core.go_on,
            "loop.count if limit is None else limit",
            "loop.count if limit is None else limit + 1",
            "too many instances",
            id="a loop that starts more than may be at work",
        ),
        pytest.param(
            core._ask_if_over,
            "(loop.is_over or",
            "(loop.done >= loop.count - 1 or",
            "a loop ends before its instances",
            id="a loop that ends before its last instance",
        ),
        pytest.param(
            core._open,
            "draft.plan.loop(step).tolerates(count)",
            "0",
            "a loop failed that may go on",
            id="a loop that tolerates no failure",
        ),
        pytest.param(
            core._open,
            "draft.plan.loop(step).tolerates(count)",
            "count",
            "a loop goes on in spite of its failures",
            id="a loop that tolerates every failure",
        ),
        pytest.param(
            Evaluation._named,
            "item: items[index]",
            "item: items[index - 1]",
            "another input than was said",
            id="an instance that gets the item of its neighbour",
        ),
        pytest.param(
            loops.Loops._outputs,
            "for index in range(count)",
            "for index in reversed(range(count))",
            "a loop puts out something else",
            id="outputs that are not in the order of items",
        ),
        pytest.param(
            repeating.Repeating.judge,
            "await self._holds(plan, state, wanted, definition)",
            "await self._holds(plan, state, wanted, definition) and wanted.attempt.iteration > 3",
            "an iteration too many | it failed though `until` holds",
            id="one iteration too many",
        ),
        pytest.param(
            repeating.Repeating.judge,
            "wanted.attempt.iteration < definition.max",
            "wanted.attempt.iteration <= definition.max",
            "an iteration beyond the most",
            id="an iteration beyond the most",
        ),
        pytest.param(
            repeating.Repeating.judge,
            "wanted.attempt.iteration < definition.max",
            "wanted.attempt.iteration < definition.max - 1",
            "it failed before the most iterations",
            id="an iteration too few",
        ),
        pytest.param(
            repeating.Repeating.judge,
            "wanted.at + pause",
            "wanted.at",
            "an iteration before its time",
            id="an iteration that does not wait",
        ),
        pytest.param(
            rerun._undone,
            "at.attempt.kind is Kind.COMPENSATE",
            "False",
            "a step is kept that is to run | a rerun was refused that may begin | after 200 s",
            id="a rerun that keeps a loop of which instances were undone",
        ),
        pytest.param(
            Children.order,
            "encode_sorted(value or {})",
            "encode_sorted({**(value or {}), 'plain': 8})",
            "a child got another input than was said",
            id="a child that gets another input",
        ),
        pytest.param(
            Children._plan,
            "latest(definition.workflow)",
            "latest(plan.workflow.name)",
            "a child of another workflow",
            id="a child of another workflow",
        ),
        pytest.param(
            ChildResults.to,
            "outputs[leaf] = Raw(raw)",
            "outputs[leaf] = Raw(b'7')",
            "a step puts out another result than its run",
            id="a step that puts out something else than its run",
        ),
    ],
)
def test_one_wrong_expression(monkeypatch, function, right, wrong, found):
    plant(monkeypatch, function, right, wrong)
    monkeypatch.setattr(world, "REST_LIMIT", 200.0)

    assert finds(found, CALM)
