"""What schemas tell of values, held against what expressions ask of them."""

from __future__ import annotations

import pytest

from flowworker.expressions import Expression, Scope, compile_expression

PRICE = {
    "$defs": {"Price": {"type": "object", "properties": {"total": {"type": "number"}}}},
    "$ref": "#/$defs/Price",
}
INPUT = {
    "type": "object",
    "properties": {
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "name": {"type": "string"},
        "flag": {"type": "boolean"},
        "maybe": {"anyOf": [{"$ref": "#/$defs/Customer"}, {"type": "null"}]},
        "either": {"type": ["string", "integer"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "orders": {"type": "array", "items": {"$ref": "#/$defs/Order"}},
        "open": {"type": "object"},
        "more": {"properties": {"a": {"type": "string"}}, "additionalProperties": True},
        "patterns": {"properties": {"a": {}}, "patternProperties": {"^x": {}}},
        "choice": {"anyOf": [{"type": "string"}, {"type": "object"}]},
        "anything": {},
        "circle": {"$ref": "#/properties/circle"},
        "elsewhere": {"$ref": "other.json"},
        "nowhere": {"$ref": "#/properties/count/type/0"},
        "class": {"type": "string"},
        "if": {"type": "string"},
        "dashed-name": {"type": "string"},
    },
    "$defs": {
        "Customer": {"type": "object", "properties": {"city": {"type": "string"}}},
        "Order": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "total": {"type": "integer"}},
            "additionalProperties": False,
        },
    },
}
SCOPE = Scope(
    input_schema=INPUT,
    steps={"price": PRICE, "other": None},
    extra={"item": {"type": "integer"}, "index": None},
)


def problems(text):
    result = compile_expression(text, SCOPE)
    return [] if isinstance(result, Expression) else result


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("input.cuont + 1", 7, "there is no 'cuont'", "did you mean 'count'?"),
        ("input['cuont'] + 1", 8, "there is no 'cuont'", "did you mean 'count'?"),
        ("input.zzz", 7, "there is no 'zzz'", "the schema lists all fields but this"),
        ("has(input.cuont)", 11, "there is no 'cuont'", "did you mean 'count'?"),
        ("steps.price.output.totl", 20, "there is no 'totl'", "did you mean 'total'?"),
        ("[steps['price'].output.totl]", 24, "there is no 'totl'", "did you mean 'total'?"),
        ("steps.other.error.typ == ''", 19, "there is no 'typ'", "did you mean 'type'?"),
        ("input.orders[0].totl", 17, "there is no 'totl'", "did you mean 'total'?"),
        ("input.orders.map(o, o.totl)", 23, "there is no 'totl'", "did you mean 'total'?"),
        (
            "input.orders.filter(o, o.total > 1)[index].idd",
            *(44, "there is no 'idd'", "did you mean 'id'?"),
        ),
        ("input.maybe.ciyt", 13, "there is no 'ciyt'", "did you mean 'city'?"),
        ("input.count.x", 13, "there is no 'x': the value is of type integer", ""),
        ("item.x", 6, "there is no 'x': the value is of type integer", ""),
        ("input.count + 'x'", 13, "'+' does not take (int, string)", ""),
        ("input.name + 1", 12, "'+' does not take (string, int)", ""),
        ("input.ratio + 'x'", 13, "'+' does not take (double, string)", ""),
        ("steps.price.output.total + 'x'", 26, "'+' does not take (double, string)", ""),
        ("input.flag > 1", 12, "'>' does not take (bool, int)", ""),
        ("input.tags.map(t, t + 1)", 21, "'+' does not take (string, int)", ""),
        ("input.open + 1", 12, "'+' does not take (map(string, dyn), int)", ""),
        ("item + 'x'", 6, "'+' does not take (int, string)", ""),
    ],
)
def test_what_cannot_be_is_found_before_anything_runs(text, column, message, hint):
    [problem] = problems(text)

    assert (problem.message, problem.hint) == (message, hint)
    assert (problem.line, problem.column) == (1, column)


@pytest.mark.parametrize(
    "text",
    [
        "input.count + 1 > 2.5",
        "input.ratio + 1",
        "input.ratio % 2 == 0",
        "input.tags[input.ratio]",
        "input.ratio == 10 || input.ratio in [1, 2]",
        "has(input.count) ? input.count + 1 : 0",
        "has(input.name) && input.name == 'a'",
        "input.either + 'x' == '' || input.either + 1 == 2",
        "input.maybe == null || input.maybe.city == 'Berlin'",
        "input.open.whatever + 1",
        "input.more.b",
        "input.patterns.x1",
        "input.choice.whatever",
        "input.anything.x[0].y",
        "input.anything.map(a, a.b)",
        "input.circle.x",
        "input.elsewhere.x",
        "input.nowhere.x",
        "input['class'] + 'x'",
        "input['dashed-name'] + 'x'",
        "input.orders[index].id",
        "input.orders.map(o, o)[0].whatever",
        "dyn(index).map(input, input.whatever)",
        "input.if == 'a'",
        "steps.other.output.whatever",
        "steps.other.error == null || steps.other.error.type == 'X'",
        "index.x",
    ],
)
def test_what_a_schema_leaves_open_is_open(text):
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("input.count > 1", "BOOL"),
        ("input.flag", "BOOL"),
        ("input.count", "INT"),
        ("input.name", "STRING"),
        ("input.open.x", "DYN"),
        ("input.ratio", "DOUBLE"),
    ],
)
def test_the_type_of_an_expression_is_known_as_far_as_schemas_tell(text, kind):
    expression = compile_expression(text, SCOPE)

    assert isinstance(expression, Expression)
    assert expression.kind == kind
