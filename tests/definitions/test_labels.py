"""`labels` of a workflow."""

from __future__ import annotations

import pytest

from flowworker.core.model import Step, Workflow
from flowworker.definitions import Parser, content_hash, parse
from flowworker.definitions.writing import to_yaml
from flowworker.errors import DefinitionError
from tests.definitions import complaints

STEPS = "steps: [{id: a, uses: u}]\n"
LABELS = "labels: {team: a, version: 1.10, late: true, none: null, customer: '${input.customer}'}\n"
READ = {"team": "a", "version": "1.10", "late": "true", "customer": "${input.customer}"}
SCHEMA = """
input_schema:
  properties:
    n: {type: integer}
    tags: {type: array}
    card: {properties: {number: {type: string, secret: true}, kind: {}}, type: object}
    keys: {type: array, items: {secret: true}}
"""


def problems(text):
    """Without the name of the file."""
    return [said.removeprefix("f.yaml:") for said in complaints.problems(text)]


def in_labels(text):
    return problems(f"name: w\n{STEPS}labels: {text}\n")


def with_schema(expression):
    return problems(f"name: w\n{STEPS}labels: {{x: '${{{expression}}}'}}{SCHEMA}")


def test_what_is_stated():
    assert parse(f"name: w\n{STEPS}{LABELS}").labels == READ


def test_it_is_written_as_it_was_read():
    workflow = parse(f"name: w\n{STEPS}{LABELS}")

    assert parse(to_yaml(workflow)) == workflow
    assert content_hash(parse(to_yaml(workflow))) == content_hash(workflow)
    Parser().validate(workflow)


@pytest.mark.parametrize("text", ["{}", "null", "{a: null}"])
def test_a_workflow_without_has_the_hash_that_it_had(text):
    plain = parse(f"name: w\n{STEPS}")

    assert content_hash(parse(f"name: w\n{STEPS}labels: {text}\n")) == content_hash(plain)
    assert content_hash(parse(f"name: w\n{STEPS}{LABELS}")) != content_hash(plain)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[a]",
            "3:9: 'labels' of the workflow: expected a mapping of names to texts, found a list",
        ),
        (
            "{a b: x}",
            "3:10: label 'a b' of the workflow: expected a name of 1 to 63 letters, digits, '_', "
            "'.' and '-'",
        ),
        (
            "{a: ''}",
            "3:13: label 'a' of the workflow: expected a text of 1 to 256 printable characters "
            "without '\"', found an empty text",
        ),
        (
            "{a: [x]}",
            "3:13: label 'a' of the workflow: expected a text of 1 to 256 printable characters "
            "without '\"', found a list",
        ),
        (
            "{a: 'x ${inptu.n}'}",
            "3:18: label 'a' of the workflow: nothing is called 'inptu' (did you mean 'input'?)",
        ),
        (
            "{a: '${steps.a.output}'}",
            "3:16: label 'a' of the workflow: nothing is called 'steps' (there are: input)",
        ),
        (
            "{a: '${run.id}'}",
            "3:16: label 'a' of the workflow: nothing is called 'run' (there are: input)",
        ),
        (
            "{a: '${input.n'}",
            "3:14: label 'a' of the workflow: '${' is not closed by '}' (a literal one is written "
            "$${)",
        ),
    ],
)
def test_what_is_wrong(text, said):
    assert in_labels(text) == [said]


def test_there_are_few():
    many = ", ".join(f"n{number}: x" for number in range(17))

    assert in_labels(f"{{{many}}}") == ["3:9: the workflow has 17 labels: expected at most 16"]


def test_what_schemas_know():
    for fine in ("input.n", "input.card.kind", "has(input.card.number) ? 'paid' : ''"):
        parse(f'name: w\n{STEPS}labels: {{x: "${{{fine}}}"}}{SCHEMA}')

    assert with_schema("input.tags") == [
        "3:13: label 'x' of the workflow: expected a text, found a list"
    ]
    assert with_schema('{"a": 1}') == [
        "3:13: label 'x' of the workflow: expected a text, found a map"
    ]
    assert with_schema("input.m") == [
        "3:22: label 'x' of the workflow: there is no 'm' (the schema lists all fields but this)"
    ]


@pytest.mark.parametrize("place", ["card.number", "keys[0]"])
def test_a_secret_is_no_label(place):
    shown = place.replace("[", ".").replace("]", "")
    assert with_schema(f"input.{place}") == [
        f"3:13: label 'x' of the workflow: input.{shown} is secret (labels are for all to see)"
    ]


def test_what_is_in_a_secret_is_secret():
    text = "input_schema: {properties: {card: {secret: true}}}\nlabels: {x: '${input.card.kind}'}\n"
    assert problems(f"name: w\n{STEPS}{text}") == [
        "4:13: label 'x' of the workflow: input.card.kind is secret (labels are for all to see)"
    ]


def test_one_that_is_built_by_hand():
    workflow = Workflow("w", (Step("a", "u"),), labels={"a": "${steps.a.output}", "": "b"})

    with pytest.raises(DefinitionError) as failure:
        Parser().validate(workflow)
    assert [problem.message for problem in failure.value.problems] == [
        "label '' of the workflow: expected a name of 1 to 63 letters, digits, '_', '.' and '-'",
        "label 'a' of the workflow: nothing is called 'steps'",
    ]
