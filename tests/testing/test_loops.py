"""Loops in a user's test: the engine as it is in a fleet."""

from __future__ import annotations

import pytest

from flowworker import App, RunStatus, parse
from flowworker.testing import WorkflowTest

APP = App()
APP.step("double")(lambda ctx, n, index: {"n": 2 * n, "index": index})
APP.step("join")(lambda ctx, found: {"sum": sum(one["n"] for one in found)})

TEXT = """
name: w
steps:
  - id: twice
    uses: double
    for_each: {items: input.numbers, as: number, max_parallel: 2}
    with: {n: "${number}", index: "${index}"}
  - id: join
    uses: join
    depends_on: twice
    with: {found: "${steps.twice.output}"}
"""


@pytest.mark.parametrize(("numbers", "total"), [([1, 2, 3], 12), ([], 0), (list(range(50)), 2450)])
def test_a_loop_over_a_list_is_joined_by_the_step_behind_it(numbers, total):
    with WorkflowTest(APP, parse(TEXT)) as flow:
        run = flow.run({"numbers": numbers})

        assert run.completed
        assert run.output == {"join": {"sum": total}}
        assert run.step("twice").output == [
            {"n": 2 * number, "index": index} for index, number in enumerate(numbers)
        ]


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        (7, "ExpressionError: 'input.numbers': items: expected a list or a map, found a int"),
        ([0] * 10_001, "LoopLimit: expected at most 10,000 items, found 10,001"),
    ],
)
def test_items_that_are_none_fail_the_step(numbers, why):
    with WorkflowTest(APP, parse(TEXT)) as flow:
        run = flow.run({"numbers": numbers})

        assert run.status is RunStatus.FAILED
        assert why in run.error


def test_events_of_instances_have_the_loop_and_the_index():
    with WorkflowTest(APP, parse(TEXT)) as flow:
        told = [event["data"] for event in flow.run({"numbers": [1, 2]}).history]
        of_loop = [data.get("index") for data in told if data.get("step_id") == "twice"]

        assert sorted(index for index in of_loop if index is not None) == [0, 0, 1, 1]
        assert of_loop.count(None) == 2
