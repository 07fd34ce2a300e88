"""The expressions of a file: what is wrong with them is found where it stands in the file."""

from __future__ import annotations

from textwrap import dedent

import pytest

from flowworker.core.model import Saga, Step, Workflow
from flowworker.definitions import Parser, parse
from flowworker.definitions.places import place_in
from flowworker.definitions.tree import Mark, ScalarNode
from flowworker.errors import DefinitionError

FILE = """
    name: invoices
    output: {total: "${steps.bill.output.x + foo}"}
    steps:
      - id: price
        uses: price
        with:
          literal: |
            Dear ${input.name},
              you owe ${input.amount +}
          folded: >
            Dear ${input.name},
            you owe ${steps.nowhere.output}
          quoted: "is ${steps.nowhere.output}"
          escaped: "\\tis ${steps.nowhere.output}"
          plain: is ${steps.bill.output}
            and ${stepz.price}
      - id: bill
        uses: bill
        depends_on: price
        timeout: ${input.seconds * steps.price.output.factor}
        saga: {uses: cancel, with: {invoice: "${steps.bill.output}"}}
"""


def complaints(text):
    with pytest.raises(DefinitionError) as failure:
        parse(dedent(text))
    return [
        (problem.line, problem.column, problem.message, problem.hint)
        for problem in failure.value.problems
    ]


def test_problems_stand_where_the_expression_has_them():
    inside = "'with' of step 'price': "

    assert complaints(FILE) == [
        (
            *(3, 42, "'output' of the workflow: nothing is called 'foo'"),
            "there are: input, run, steps",
        ),
        (10, 35, inside + "the end was not expected here", ""),
        (13, 25, inside + "there is no step 'nowhere'", ""),
        (14, 27, inside + "there is no step 'nowhere'", ""),
        # Behind an escape it is not followed
        (15, 17, inside + "there is no step 'nowhere'", ""),
        (
            *(16, 25, inside + "step 'bill' does not come before: its output may not be there yet"),
            "add it to 'depends_on'",
        ),
        (17, 15, inside + "nothing is called 'stepz'", "did you mean 'steps'?"),
    ]


def test_a_saga_may_name_its_own_step_and_those_before_it():
    mended = FILE.replace("nowhere", "later").replace("later", "x")
    problems = [message for line, _, message, _ in complaints(mended) if line > 17]

    assert problems == []


def test_in_a_circle_only_the_circle_is_a_problem():
    text = """
        name: circle
        steps:
          - {id: a, uses: h, depends_on: b, with: {x: "${steps.b.output}"}}
          - {id: b, uses: h, depends_on: a, with: {x: "${steps.a.output}"}}
    """

    [(_, _, message, _)] = complaints(text)

    assert message.startswith("circular dependency")


def test_the_most_similar_step_is_one_that_may_be_named():
    text = """
        name: names
        steps:
          - {id: price_a, uses: h}
          - {id: price_b, uses: h}
          - {id: last, uses: h, depends_on: price_b, with: {x: "${steps.price.output}"}}
    """

    [(*_, message, hint)] = complaints(text)

    assert message == "'with' of step 'last': there is no step 'price'"
    assert hint == "did you mean 'price_b'?"


def test_expressions_of_a_workflow_built_in_python_are_checked():
    step = Step(id="a", uses="h", saga=Saga(uses="u", with_={"x": ["${steps.b.output}"]}))

    with pytest.raises(DefinitionError) as failure:
        Parser().validate(Workflow(name="w", steps=(step,)))

    [problem] = failure.value.problems
    assert "'saga' of step 'a': there is no step 'b'" in problem.message
    assert problem.line == 0


def test_steps_of_finally_may_name_all_others_and_nobody_may_name_them():
    text = """
        name: names
        output: {x: "${steps.tidy.output}"}
        steps:
          - {id: a, uses: h}
          - {id: b, uses: h, with: {x: "${steps.tidy.output}"}}
        finally:
          - {id: tidy, uses: h, with: {x: "${steps.a.output + steps.b.output + steps.tell.output}"}}
          - {id: tell, uses: h, depends_on: tidy, with: {x: "${steps.tidy.output + run.status}"}}
    """

    assert [(line, message) for line, _, message, _ in complaints(text)] == [
        (
            3,
            "'output' of the workflow: step 'tidy' does not come before: its output may not be "
            "there yet",
        ),
        (
            6,
            "'with' of step 'b': step 'tidy' does not come before: its output may not be there yet",
        ),
        (
            8,
            "'with' of step 'tidy': step 'tell' does not come before: its output may not be there "
            "yet",
        ),
    ]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("1 + 2", "'when' of step 'a': expected true or false, found int", ""),
        (
            "${input.x}",
            "'when' of step 'a': expected an expression",
            "an expression stands here as it is, without ${ and }",
        ),
        ("input.", "'when' of step 'a': '.' was not expected here", ""),
    ],
)
def test_a_condition_is_an_expression_that_is_true_or_false(text, message, hint):
    found = complaints(f"""
        name: conditions
        steps:
          - {{id: a, uses: h, when: "{text}"}}
    """)

    assert (message, hint) in [each[2:] for each in found]


def test_what_is_missing_at_the_end_of_a_file_is_missed_there():
    text = "name: last\nsteps:\n  - id: a\n    uses: h\n    when: |\n      1 +\n\n"

    [(line, *_)] = complaints(text)

    assert line in (6, 7)


def test_behind_the_last_line_is_its_end():
    node = ScalarNode("1 +", "1 +", Mark(1, 7))

    assert place_in(node, 2, 1, ["when: 1 +"]) == Mark(1, 10)


def test_a_moment_is_no_expression():
    workflow = parse("""
name: later
steps:
  - {id: a, until: 2030-01-31T08:00:00Z}
""")

    assert workflow.steps[0].until == "2030-01-31T08:00:00Z"


def test_too_many_expressions_are_reported_for_the_value_that_has_them():
    many = "[" + ", ".join(["'${input.a}'"] * 1001) + "]"
    text = f"""
        name: w
        steps:
          - {{id: a, uses: x, with: {{v: {many}}}}}
    """

    message = "'with' of step 'a': more than 1,000 expressions in one value"
    assert complaints(text) == [(4, 28, message, "")]
