"""What a step gives to a workflow that it calls, held to the schema of that one."""

from __future__ import annotations

import pytest

from flowworker.definitions import load_paths, parse_all
from flowworker.errors import DefinitionError

CHILD = """
name: child
input_schema:
  type: object
  required: [n, mode]
  additionalProperties: false
  $defs: {small: {type: integer, maximum: 9}}
  properties:
    n: {$ref: "#/$defs/small"}
    text: {type: string}
    one: {type: [integer, "null"]}
    list: {type: array}
    elsewhere: {$ref: "#/properties/text"}
    any: true
    mode: {type: string, default: fast}
steps: [{id: a, uses: u}]
"""
PARENT = """
name: parent
input_schema:
  type: object
  properties: {n: {type: integer}, s: {type: string}, x: {type: number}, l: {type: array}}
steps:
  - {id: before, uses: u}
  - {id: call, workflow: child, depends_on: [before], with: %s}
"""


def found(given: str, parent: str = PARENT) -> list[str]:
    try:
        parse_all(f"{CHILD}---{parent % given}", "flow.yaml")
    except DefinitionError as error:
        return [problem.message for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "given",
    [
        "{n: 9}",
        '{n: "${input.n}", text: "${input.s}", list: "${input.l}"}',
        '{n: "${steps.before.output}", one: "${input.x}"}',  # which may be 2.0, an integer
        '{n: 1, text: "n is ${input.n}", any: {a: [1]}}',
        "{n: 1, elsewhere: 7}",  # what its schema refers to is not followed
        '{n: 1, list: [{a: "${input.n}"}]}',
        '{n: "${1 / 0}"}',
    ],
)
def test_what_may_fit_is_no_problem(given):
    assert found(given) == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("{}", "'with' of step 'call' lacks 'n', which workflow 'child' requires"),
        ("{n: 1, txt: a}", "'with' of step 'call': workflow 'child' takes no 'txt'"),
        ("{n: 10}", "'with' of step 'call': 'n' of workflow 'child': $: 10 is greater than"),
        ("{n: 1, text: 5}", "'with' of step 'call': 'text' of workflow 'child': $: 5 is not of"),
        (
            '{n: 1, text: "${input.n}"}',
            "'with' of step 'call': 'text' of workflow 'child': expected string, found integer",
        ),
        (
            '{n: 1, one: "n is ${input.n}"}',
            "'with' of step 'call': 'one' of workflow 'child': "
            "expected integer or null, found string",
        ),
        (
            '{n: 1, text: "${input.l}"}',
            "'with' of step 'call': 'text' of workflow 'child': expected string, found array",
        ),
    ],
)
def test_what_cannot_fit_is_a_problem(given, problem):
    [message] = found(given)

    assert message.startswith(problem)


def test_a_problem_stands_where_the_value_does(tmp_path):
    (tmp_path / "child.yaml").write_text(CHILD)
    (tmp_path / "parent.yaml").write_text(PARENT % "{n: 1, text: 5}")

    with pytest.raises(DefinitionError) as caught:
        load_paths(tmp_path)

    [problem] = caught.value.problems
    assert problem.source.endswith("parent.yaml")
    assert (problem.line, problem.column) == (8, 74)


def test_what_a_group_or_a_loop_calls_is_held_to_it_as_well():
    parent = """
name: parent
steps:
  - id: group
    steps: [{id: call, workflow: child, with: %s}]
  - {id: each, for_each: {items: [1], as: one}, workflow: child, with: {n: "${one}", text: 3}}
"""
    group, each = found("{text: a}", parent)

    assert group == "'with' of step 'call' lacks 'n', which workflow 'child' requires"
    assert each.startswith("'with' of step 'each': 'text' of workflow 'child': $: 3 is not")


def test_what_is_not_there_or_takes_anything_or_is_given_all_is_not_judged():
    schema = "input_schema: {properties: {n: {type: string}}}"
    other = f"name: open\n{schema}\nsteps: [{{id: a, uses: u}}]\n"
    steps = """
name: parent
steps:
  - {id: a, workflow: elsewhere, with: {n: x}}
  - {id: b, workflow: open, with: {n: x, m: 1}}
  - {id: c, workflow: child}
"""
    assert len(parse_all(f"{CHILD}---\n{other}---{steps}")) == 3
