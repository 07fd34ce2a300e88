"""The page on expressions: each of its lines is what the code does."""

from __future__ import annotations

import json

import pytest

from flowworker.definitions.expressions import PLACES
from flowworker.errors import ExpressionError
from flowworker.expressions import (
    Expression,
    Scope,
    Template,
    bounds,
    compile_expression,
    compile_template,
)
from flowworker.expressions.names import FUNCTIONS
from flowworker.expressions.operators import BINARY
from tests.docs.pages import FENCE, REFERENCE, column, table, words

PAGE = "expressions.md"
[VALUES] = [
    json.loads(match[3])
    for match in FENCE.finditer((REFERENCE / PAGE).read_text("utf-8"))
    if match[2] == "json"
]
PRICE = {"type": "object", "properties": {"total": {"type": "integer"}}}


def rows(heading):
    return [pytest.param(row, id=" ".join(row.values())) for row in table(PAGE, heading)]


def compiled(text, output=None):
    scope = Scope(steps={"price": output, "pay.card": None}, others=frozenset({"ship"}))
    return compile_expression(text, scope)


def evaluated(text):
    expression = compiled(text)
    assert isinstance(expression, Expression), expression
    return expression.evaluate(VALUES)


def as_json(value):
    return json.dumps(value, ensure_ascii=False)


def test_where_expressions_stand():
    described = column(table(PAGE, "Where they stand"), "key")

    assert sorted(described) == sorted(".".join(each) for each in PLACES)


@pytest.mark.parametrize("row", rows("What can be named"))
def test_what_can_be_named(row):
    evaluated(words(row["name"])[0])


@pytest.mark.parametrize("row", rows("Values in texts"))
def test_values_in_texts(row):
    template = compile_template(words(row["text"])[0], Scope())

    assert isinstance(template, Template)
    assert as_json(template.evaluate(VALUES)) == as_json(json.loads(words(row["value"])[0]))


@pytest.mark.parametrize("row", rows("Operators, macros and functions"))
def test_examples(row):
    assert as_json(evaluated(words(row["example"])[0])) == words(row["value"])[0]
    assert words(row["name"])[0].split()[0].strip("[?") in words(row["example"])[0]


def test_every_function_and_operator_has_an_example():
    known = set(column(table(PAGE, "Operators, macros and functions"), "name"))
    operators = {name.strip("_@").replace("[_]", "[ ]") for name in BINARY}

    assert known == {*FUNCTIONS, *operators, "&&", "?:"} - {"bytes", "uint"}


@pytest.mark.parametrize("row", rows("Not as in Python"))
def test_not_as_in_python(row):
    text = words(row["expression"])[0]

    assert repr(eval(words(row["in Python"])[0])) == words(row["value there"])[0]
    if row["value"] == "an error":
        with pytest.raises((ExpressionError, AssertionError)):
            evaluated(text)
    else:
        assert as_json(evaluated(text)) == words(row["value"])[0]
        assert row["value"] != row["value there"]


@pytest.mark.parametrize("row", [each for each in rows("Errors") if "problem" in each.values[0]])
def test_problems(row):
    result = compiled(words(row["expression"])[0], PRICE)

    assert isinstance(result, list)
    assert [(each.message, each.hint) for each in result] == [(row["problem"], row["hint"])]


def test_causes():
    _, section = (REFERENCE / PAGE).read_text("utf-8").split("Found when it is evaluated")
    lines = [line for line in section.split("## Bounds")[0].splitlines() if line.startswith("| `")]
    assert len(lines) > 5
    for line in lines:
        text, cause = (cell.strip() for cell in line[1:-1].split(" | "))
        with pytest.raises(ExpressionError) as failure:
            evaluated(words(text)[0])
        assert failure.value.cause == cause


def test_bounds():
    assert [row["at most"] for row in table(PAGE, "Bounds")] == [
        f"{most:,}"
        for most in (
            bounds.MAX_LENGTH,
            bounds.MAX_EXPRESSIONS,
            bounds.MAX_LOOPS,
            bounds.MAX_DEPTH,
            bounds.MAX_WORK,
        )
    ]
