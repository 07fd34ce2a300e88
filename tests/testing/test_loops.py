"""Loops in a user's test: the engine as it is in a fleet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flowworker import App, RunStatus, parse
from flowworker.testing import WorkflowTest, fails

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
        (7, "ExpressionError: 'input.numbers': items: expected a list or a map, found 7"),
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
        events = [event["data"] for event in flow.run({"numbers": [1, 2]}).history]
        of_loop = [data.get("index") for data in events if data.get("step_id") == "twice"]

        assert sorted(index for index in of_loop if index is not None) == [0, 0, 1, 1]
        assert of_loop.count(None) == 2


def tried(step, more=""):
    """A run of a loop over `input.all`, whose handler is `work`."""
    app = App()
    app.step("work")(lambda ctx, item=None, index=None: {"of": item})
    app.step("undo")(lambda ctx: None)
    text = f"name: w\nsteps:\n  - {{id: each, for_each: {{items: input.all{more}}}, {step}}}\n"
    return WorkflowTest(app, parse(text))


def test_an_instance_is_given_its_item_and_its_index_unless_something_else_is_said():
    with tried("uses: work") as flow:
        run = flow.run({"all": {"b": 1, "a": [2]}})

        assert sorted(call.input["index"] for call in run.calls) == [0, 1]
        assert run.step("each").output == [
            {"of": {"key": "b", "value": 1}},
            {"of": {"key": "a", "value": [2]}},
        ]
        assert run.step("each[1]").output == {"of": {"key": "a", "value": [2]}}


def test_items_may_stand_in_the_definition():
    app = App()
    app.step("work")(lambda ctx, item, index: item)
    text = """
    name: w
    steps:
      - {id: each, uses: work, for_each: {items: [eu, "${input.region}", {n: 1}]}}
    """
    with WorkflowTest(app, parse(text)) as flow:
        assert flow.run({"region": "us"}).step("each").output == ["eu", "us", {"n": 1}]


def test_instances_are_tried_again_on_their_own():
    with tried("uses: work, retry: {max_attempts: 4, interval: 1h}") as flow:
        flow.replace("work", fails(TimeoutError(), times=2))
        run = flow.run({"all": [1, 2, 3]})

        assert run.completed
        assert run.step("each").attempts == 9
        assert run.step("each[2]").attempts == 3


def test_failures_that_are_tolerated_put_out_null():
    with tried("uses: work", ", tolerated_failures: 34%") as flow:
        flow.replace("work", only_odd)
        run = flow.run({"all": [1, 2, 3]})

        assert run.step("each").output == [1, None, 3]
        assert run.step("each[1]").error == "ValueError: even"
        assert run.view.steps[0].instances.states == {"COMPLETED": 2, "FAILED": 1}
        assert [one.id for one in run.view.steps[0].instances.shown] == ["each[1]"]


def only_odd(ctx, item, index):
    if item % 2 == 0:
        raise ValueError("even")
    return item


def test_one_failure_too_many_fails_the_loop_and_undoes_what_was_completed():
    with tried("uses: work, saga: undo", ", max_parallel: 1, tolerated_failures: 1") as flow:
        flow.replace("work", only_odd)
        run = flow.run({"all": [1, 3, 4, 5, 6, 7, 9]})

        assert run.status is RunStatus.FAILED
        assert run.error == (
            "step 'each' failed: TooManyFailures: 2 of 7 failed, 1 may; "
            "the first: each[2]: ValueError: even"
        )
        undone = [call.input for call in run.calls if call.handler == "undo"]
        assert undone == [
            {"item": 5, "index": 3, "output": 5},
            {"item": 3, "index": 1, "output": 3},
            {"item": 1, "index": 0, "output": 1},
        ]


def test_an_instance_that_has_failed_is_answered_by_its_name():
    with tried("uses: work, escalation: wait_human") as flow:
        flow.replace("work", only_odd)
        run = flow.run({"all": [2, 3, 4]})

        assert run.waiting == ("each[0]", "each[2]")
        run.resume("complete", "each[2]", "mine")
        run.resume("skip")
        assert run.step("each").output == [None, 3, "mine"]


@pytest.mark.parametrize(
    ("step", "ends"),
    [
        ("sleep: '${item}'", [{}, {}]),
        ("until: timestamp(run.started_at) + duration(item)", [{}, {}]),
    ],
)
def test_instances_that_wait(step, ends):
    with tried(step) as flow:
        run = flow.run({"all": ["3h", "5h"]})

        assert run.step("each").output == ends
        assert flow.elapsed == timedelta(hours=5)


def test_each_instance_takes_a_signal_of_its_own():
    with tried("wait_for: {signal: paid, match: signal.of == item}") as flow:
        run = flow.run({"all": ["a", "b"]})
        run.signal("paid", {"of": "b"}).signal("paid", {"of": "a"})

        assert run.step("each").output == [{"of": "a"}, {"of": "b"}]


def test_each_instance_asks_for_itself():
    with tried("approval: {prompt: 'publish ${item}?'}") as flow:
        run = flow.run({"all": ["a", "b"]})

        assert run.waiting == ("each[0]", "each[1]")
        run.approve("each[1]", {"by": "me"}).approve()
        assert run.step("each").output == [{}, {"by": "me"}]


def test_a_cancel_in_the_middle_of_a_loop():
    with tried("sleep: 1h, continue_on_error: true", ", max_parallel: 2") as flow:
        run = flow.start({"all": [1, 2, 3]})
        flow.advance(timedelta(minutes=90))
        run.cancel().wait_for_end()

        assert run.status is RunStatus.CANCELLED
        states = run.view.steps[0].instances.states
        assert sum(states.values()) == 3
        assert states["COMPLETED"] == 2
