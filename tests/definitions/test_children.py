"""Steps whose attempts are runs: of a workflow by its name, or of steps that stand inside."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from flowworker.core.model import Fallback, RetryPolicy, Saga, Step, Workflow
from flowworker.definitions import Parser, Registry, content, load_paths, parse, parse_all
from flowworker.definitions.calls import unknown_call
from flowworker.errors import DefinitionError
from tests.definitions.complaints import problems

GROUP = """\
name: w
steps:
- {id: before, uses: u}
- id: group
  depends_on: before
  with: {n: "${input.n}"}
  steps:
  - {id: one, uses: u, with: {n: "${input.n}"}}
  - {id: two, uses: u, depends_on: one, with: {m: "${steps.one.output}"}}
  output: {m: "${steps.two.output}"}
"""


def in_file(step):
    """The problems of the one step of a workflow; it begins on line 2, in column 10."""
    return problems(f"name: w\nsteps: [{{id: a, {step}}}]\n")


def test_a_step_that_is_a_run_of_a_workflow():
    step = "{id: a, workflow: w2, with: {n: 1}, retry: 2, fallback: f, saga: s, queue: q}"
    read = parse(f"name: w\nsteps: [{step}]\n")

    assert read.steps == (
        Step(
            "a",
            workflow="w2",
            with_={"n": 1},
            retry=RetryPolicy(2),
            fallback=Fallback("f"),
            saga=Saga("s"),
            queue="q",
        ),
    )
    assert content.decode(content.encode(read)) == read
    Parser().validate(read)


def test_a_group():
    group = parse(GROUP).steps[1]

    assert [step.id for step in group.steps] == ["one", "two"]
    assert group.output == {"m": "${steps.two.output}"}
    assert content.decode(content.encode(parse(GROUP))) == parse(GROUP)
    Parser().validate(parse(GROUP))


def test_which_defaults_hold_in_a_group():
    defaults = "defaults: {queue: q, timeout: 5, retry: 2, with: {a: 1}}\n"
    given = 'defaults: {timeout: "${input.t}", retry: {max_attempts: 2, interval: "${input.t}"}}\n'
    rules = "defaults: {retry: [{on: A, max_attempts: 3}]}\n"
    first, second, third = (
        parse(text + GROUP).steps[1].steps[0] for text in (defaults, given, rules)
    )

    assert (first.queue, first.timeout, first.retry) == ("q", 5.0, RetryPolicy(2))
    assert first.with_ == {"n": "${input.n}"}
    assert (second.timeout, second.retry) == (None, RetryPolicy())
    assert third.retry == (RetryPolicy(3, on=("A",)),)


def test_the_queue_of_what_is_run_in_place_of_a_child_is_the_usual_one():
    text = "name: w\ndefaults: {queue: q, timeout: 5}\nsteps: [{id: a, workflow: x, saga: s}]\n"

    assert parse(text).steps[0] == Step("a", workflow="x", saga=Saga("s"), queue="q")


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (
            "workflow: x, uses: u",
            "2:36: step 'a' has both 'workflow' and 'uses' (make it two steps)",
        ),
        (
            "workflow: x, queue: q",
            "2:37: 'queue' of step 'a' is about a handler, and it has none "
            "(a step with 'workflow' runs in no worker; its own steps have queues)",
        ),
        (
            "uses: u, output: {a: 1}",
            "2:34: 'output' of step 'a' is about a group, and it has no 'steps' "
            "(a step's output is what its handler returns, or its workflow's 'output')",
        ),
        (
            "workflow: x, output: {a: 1}",
            "2:38: 'output' of step 'a' is about a group, and it has no 'steps' "
            "(a step's output is what its handler returns, or its workflow's 'output')",
        ),
        ("steps: {}", "2:24: 'steps' of step 'a': expected a list of steps, found a mapping"),
        (
            "steps: [{id: b, uses: u, depends_on: c}]",
            "2:54: step 'b' depends on unknown step 'c'",
        ),
    ],
)
def test_what_does_not_fit(step, problem):
    [found] = in_file(step)

    assert found.startswith(f"f.yaml:{problem}")


def test_mistakes_inside_a_group_are_where_they_stand():
    [outside] = problems(GROUP.replace("steps.one.output", "steps.before.output"))
    [unknown] = problems(GROUP.replace("steps.two.output", "steps.tow.output"))

    assert outside.startswith("f.yaml:9:60: 'with' of step 'two': ")
    assert unknown.startswith("f.yaml:10:24: 'output' of step 'group': ")
    assert "two" in unknown


def test_handlers_inside_a_group_are_known_too():
    class Handler:
        parameters: ClassVar = {"x": True}
        output_schema = None

    found = problems(GROUP, known_handlers={"u": Handler()})

    assert any(each.startswith("f.yaml:8:") for each in found)


def test_an_empty_group_is_no_step():
    found = in_file("steps: []")

    assert found == ["f.yaml:2:9: missing 'uses' in step 'a'"]


def test_groups_are_only_so_deep():
    step = "{id: a, uses: u}"
    for _ in range(17):
        step = f"{{id: a, steps: [{step}]}}"

    [found] = problems(f"name: w\nsteps: [{step}]\n")

    assert "a group is at most 16 groups deep (make it a workflow of its own)" in found


def calls(name, *others, uses=()):
    steps = [Step(f"to-{other}", workflow=other) for other in others]
    return Workflow(name, (*steps, *(Step(each, each) for each in uses)))


CIRCLE = "\n---\n".join(
    f"name: {one}\nsteps:\n- {{id: s, steps: [{{id: call, workflow: {other}}}]}}"
    for one, other in ("ab", "bc", "ca")
)


def test_workflows_that_call_each_other_in_a_circle():
    with pytest.raises(DefinitionError) as caught:
        parse_all(CIRCLE, "f.yaml")

    assert [str(each) for each in caught.value.problems] == [
        "f.yaml:1:7: workflow 'a' calls itself: a -> b -> c -> a (its step 'call' calls 'b')"
    ]


def test_in_several_files_too(tmp_path):
    for number, text in enumerate(CIRCLE.split("---\n")):
        Path(tmp_path, f"{number}.yaml").write_text(text)

    with pytest.raises(DefinitionError, match="a -> b -> c -> a"):
        load_paths(tmp_path)


def test_a_call_of_what_does_not_exist__named_with_what_was_meant():
    assert unknown_call(calls("w", "shp"), "shp", ["ship"]) == (
        "workflow 'w': step 'to-shp' calls workflow 'shp', which is not registered "
        "(did you mean 'ship'?); register it before this one, or together with it"
    )
    assert "registered; register" in unknown_call(calls("w", "x"), "x", [])


def test_a_registry_knows_what_a_workflow_calls():
    registry = Registry()
    for workflow in (calls("b", "c", "gone"), calls("c", uses="u"), calls("d", uses="u")):
        registry.register(workflow)

    found = registry.with_called(calls("a", "b", "c"))

    assert [workflow.name for workflow in found] == ["a", "b", "c"]
