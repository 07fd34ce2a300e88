"""Expressions: what they come to, and what is said where they come to nothing."""

from __future__ import annotations

import pytest

from flowworker.errors import ExpressionError
from flowworker.expressions import Names, Scope, compile_expression

VALUES = {
    "input": {
        "count": 10,
        "ratio": 1.5,
        "name": "Ada",
        "nothing": None,
        "items": [1, 2, 3],
        "orders": [{"id": "a", "total": 5}, {"id": "b", "total": 50}],
        "huge": 2**70,
        "nul": "a\0b",
    },
    "steps": {"a.b": {"output": {"x": {"y": [5]}}, "status": "COMPLETED", "error": None}},
    "run": {"id": "r-1"},
    "item": 4,
}
SCOPE = Scope(
    steps={"a.b": None, "price": None},
    others=frozenset({"later"}),
    extra={"item": None, "index": None},
)


def compiled(text, scope=SCOPE):
    expression = compile_expression(text, scope)
    assert not isinstance(expression, list), expression
    return expression


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("input.count", 10),
        ("input.count * 1.5", 15.0),
        ("input.ratio + 1", 2.5),
        ("1 - input.ratio", -0.5),
        ("input.count / 4", 2),
        ("input.count / 4.0", 2.5),
        ("input.count == 10.0", True),
        ("input.huge", 2**70),
        ("input.nul", "a\0b"),
        ('steps["a.b"].output.x.y[0]', 5),
        ('steps["a.b"].status == "COMPLETED"', True),
        ('steps["a.b"].error == null', True),
        ("input.items.map(each, each * item)", [4, 8, 12]),
        ("input.orders.filter(order, order.total > 10).map(order, order.id)", ["b"]),
        ("has(input.missing)", False),
        ("has(input.name) && input.name.startsWith('A')", True),
        ("{'id': run.id, 'all': input.items}", {"id": "r-1", "all": [1, 2, 3]}),
        ("timestamp('2026-01-01T00:00:00Z') + duration('90m')", "2026-01-01T01:30:00Z"),
        ("duration('90m')", "5400s"),
        ("input.name.upperAscii() + '!'", "ADA!"),
        ("math.greatest(input.count, 12)", 12),
    ],
)
def test_an_expression_has_a_value(text, value):
    result = compiled(text).evaluate(VALUES)

    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("input.missing", "input has no 'missing'"),
        ("index + 1", "there is no 'index'"),
        ("input.nmae", "input has no 'nmae' (did you mean 'name'?)"),
        ("input.nothing.x", "input.nothing is null, and has no 'x'"),
        ("input.items[7]", "a list of 3 items has none at 7"),
        ("input.missing + 1", "input has no 'missing'"),
        ("input.name + 1", "'+' does not take (string, int)"),
        ("{1: 2}", "an object has texts as keys, found one of type int"),
        ("1.0 / 0.0", "JSON has no number inf"),
        ("1 / 0", "divide by zero"),
    ],
)
def test_an_expression_without_a_value_says_why(text, cause):
    with pytest.raises(ExpressionError) as failure:
        compiled(text).evaluate(VALUES)

    assert failure.value.cause == cause
    assert failure.value.expression == text
    assert "steps.a.b" in failure.value.names


@pytest.mark.parametrize(
    ("text", "message", "line", "column", "hint"),
    [
        ("input.a +", "the end was not expected here", 1, 10, ""),
        ("stpes.x", "nothing is called 'stpes'", 1, 1, "did you mean 'steps'?"),
        (
            "1 +\n  foo",
            "nothing is called 'foo'",
            2,
            3,
            "there are: index, input, item, run, steps",
        ),
        ("steps.prise.output", "there is no step 'prise'", 1, 7, "did you mean 'price'?"),
        ("steps.price.outptu", "a step has no 'outptu'", 1, 13, "did you mean 'output'?"),
        ("steps.zzz.output", "there is no step 'zzz'", 1, 7, "there are: a.b, price"),
        ("run.idd", "a run has no 'idd'", 1, 5, "did you mean 'id'?"),
        ("sise(input)", "there is no function 'sise'", 1, 1, "did you mean 'size'?"),
        ("1 + 'a'", "'+' does not take (int, string)", 1, 3, ""),
        (
            "true ||\n steps.later.output.x",
            "step 'later' does not come before: its output may not be there yet",
            2,
            8,
            "add it to 'depends_on'",
        ),
        ("size(steps)", 'expected one step: steps.ID or steps["ID"]', 1, 6, ""),
    ],
)
def test_what_is_wrong_with_an_expression_is_found_where_it_stands(
    text, message, line, column, hint
):
    result = compile_expression(text, SCOPE)

    assert isinstance(result, list)
    [problem] = result
    assert (problem.message, problem.hint) == (message, hint)
    assert (problem.line, problem.column) == (line, column)


def test_an_expression_says_what_it_names():
    expression = compiled("steps.price.status == input.x && steps['a.b'].output.y == item")

    assert expression.names == Names(
        roots=frozenset({"steps", "input", "item"}),
        steps=frozenset({"price", "a.b"}),
        outputs=frozenset({"a.b"}),
        inputs=frozenset({("x",)}),
    )
    assert compiled("has(input.x) && input['a.b'][0].c == 1").names.inputs == {("a.b", 0, "c")}


def test_the_variable_of_a_loop_is_no_root():
    expression = compiled("[1].map(run, [run].exists(item, item > 0))")

    assert expression.names == Names()
