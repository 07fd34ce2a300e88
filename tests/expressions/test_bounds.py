"""What an expression may cost is bounded: a hostile one fails, and says so."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from flowworker.errors import ExpressionError
from flowworker.expressions import (
    Expression,
    Scope,
    Template,
    bounds,
    compile_expression,
    compile_template,
)
from flowworker.expressions.bounds import MAX_EXPRESSIONS, MAX_LENGTH, MAX_WORK

LIST = list(range(1_000))
TEXT = "a" * 100_000
FEWER = MAX_WORK // 20
TOO_LONG = f"it takes too long: more than {FEWER:,} units of work"


@pytest.fixture
def less_work(monkeypatch):
    """A twentieth of the bound, and smaller values: the tests need not take that long."""
    monkeypatch.setattr(bounds, "MAX_WORK", FEWER)


def compiled(text):
    expression = compile_expression(text, Scope())
    assert isinstance(expression, Expression), expression
    return expression


def complaint(text):
    result = compile_expression(text, Scope())
    assert isinstance(result, list)
    return result[0].message


@pytest.mark.usefixtures("less_work")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("input.map(x, input.map(y, x + y).size())", LIST),
        ("input.all(x, input.all(y, input.all(z, true)))", LIST),
        ("[1]" + ".map(x, [x, x])" * 25, None),
        ("input.list.map(x, input.text + 'a').size()", {"list": LIST, "text": TEXT}),
        ("input.list.map(x, input.text.contains('b'))", {"list": LIST, "text": TEXT}),
        ("input.list.map(x, input.text.matches('(a|b)*c'))", {"list": LIST, "text": TEXT}),
        ("input.list.map(x, input.text.lowerAscii())", {"list": LIST, "text": TEXT}),
        ("input.list.map(x, [input.text] == [input.text + ''])", {"list": LIST, "text": TEXT}),
        ("input.map(x, 'a'.matches('((((a{30}){30})|b{999}))' + string(x)))", LIST),
        ("input.map(x, -1 in input)", LIST),
        ("input.map(x, input == input + [])", LIST),
        ("input.replace('a', input)", TEXT),
        ("input.split('')", TEXT),
        ("input.map(x, input.join())", ["abc"] * 1_000),
        ("input.map(x, input.join())", ["abc" * 1_000] * 100),
        ("input.map(x, '%s'.format([x]))", LIST),
    ],
)
def test_too_much_work_is_given_up(text, value):
    with pytest.raises(ExpressionError) as failure:
        compiled(text).evaluate({"input": value})

    assert failure.value.cause == TOO_LONG


@pytest.mark.usefixtures("less_work")
def test_a_result_counts_each_time_it_has_a_text():
    with pytest.raises(ExpressionError) as failure:
        compiled("input.list.map(x, input.text)").evaluate({"input": {"list": LIST, "text": TEXT}})

    assert failure.value.cause == TOO_LONG


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("input.filter(x, x >= 0).map(x, {'id': x, 'double': x * 2})", 10_000),
        ("input.map(x, string(x).startsWith('1'))", 10_000),
    ],
)
def test_ten_thousand_items_are_within_the_bounds(text, count):
    assert len(compiled(text).evaluate({"input": list(range(10_000))})) == count


def test_what_is_only_picked_has_no_size():
    value = {"list": [TEXT] * 1_000, "huge": 2**70, "nul": "\0"}

    assert compiled("input.value").evaluate({"input": {"value": value}}) is value


@pytest.mark.usefixtures("less_work")
def test_the_bounds_hold_for_all_expressions_of_a_value_together():
    template = compile_template(["${input.map(x, x)}"] * 100, Scope())
    assert isinstance(template, Template)

    with pytest.raises(ExpressionError) as failure:
        template.evaluate({"input": LIST})

    assert failure.value.cause == TOO_LONG


@pytest.mark.usefixtures("less_work")
def test_a_text_is_not_filled_without_bounds():
    template = compile_template("${input}" * 100, Scope())
    assert isinstance(template, Template)

    with pytest.raises(ExpressionError) as failure:
        template.evaluate({"input": TEXT})

    assert failure.value.cause == TOO_LONG


def test_the_length_of_an_expression_is_bounded():
    assert compiled("1" + " " * (MAX_LENGTH - 1)).evaluate({}) == 1
    assert complaint("1" + " " * MAX_LENGTH) == (
        "expected an expression of at most 4,096 characters, found 4,097"
    )
    assert complaint("1" * 1_000_000).endswith("found 1,000,000")


@pytest.mark.parametrize("text", ["(" * 2_000, "[" * 40 + "]" * 40, "1" + "+1" * 1_000])
def test_nesting_is_bounded(text):
    assert "recursion" in complaint(text)


def test_nesting_of_loops_is_bounded():
    three = "input.all(a, input.all(b, input.all(c, true)))"

    assert compiled(three).evaluate({"input": [1]}) is True
    assert complaint(f"input.all(d, {three})") == "more than 3 loops in one another"


def test_nesting_of_a_result_is_bounded():
    value: Any = None
    for _ in range(200):
        value = [value]

    with pytest.raises(ExpressionError) as failure:
        compiled("[input]").evaluate({"input": value})

    assert failure.value.cause == "the result is nested too deeply: more than 100 levels"


def test_the_number_of_expressions_in_a_value_is_bounded():
    result = compile_template(["${1}"] * (MAX_EXPRESSIONS + 1), Scope())

    assert isinstance(result, list)
    [(path, problem)] = result
    assert (path, problem.message) == ((), "more than 1,000 expressions in one value")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("1u + uint(2)", "uint is no type of JSON", "write a whole number, without a u"),
        ("b'a' == bytes('a')", "bytes is no type of JSON", "write a text"),
        (
            "google.protobuf.Int32Value{value: 1}",
            "message is no type of JSON",
            "write {'key': value}",
        ),
    ],
)
def test_what_json_does_not_have_is_refused(text, message, hint):
    result = compile_expression(text, Scope())

    assert isinstance(result, list)
    assert {(each.message, each.hint) for each in result} == {(message, hint)}


@pytest.mark.slow
def test_without_expressions_the_library_is_not_imported():
    code = "import flowworker.expressions, sys; sys.exit('cel_expr_python' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
