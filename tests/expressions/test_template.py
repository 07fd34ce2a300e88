"""Values with `${…}` in their texts."""

from __future__ import annotations

import pytest

from flowworker.expressions import Scope, compile_template, is_template

EMPTY = Scope()
VALUES = {"input": {"n": 10, "none": None, "list": [1, "a"], "text": "Ada", "flag": True}}


def compiled(value, scope=EMPTY):
    template = compile_template(value, scope)
    assert not isinstance(template, list), template
    return template


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("${input.n}", 10),
        ("${input.none}", None),
        ("${input.list}", [1, "a"]),
        ("n=${input.n}", "n=10"),
        ("${input.text} ${input.none} ${input.list} ${input.flag}", 'Ada null [1,"a"] true'),
        ("no expression", "no expression"),
        ("$${input.n}", "${input.n}"),
        ("$${a} ${input.n} $${b}", "${a} 10 ${b}"),
        ("$ {", "$ {"),
        ("${ {'a': '}'}.a }", "}"),
        ("${ '}' + \"}\" + r'\\d}' + '''}''' + '\\'}' }", "}}\\d}}'}"),
        ("${'${'}", "${"),
        ({"a": ["${input.n}", 1, {"b": "x${input.n}"}]}, {"a": [10, 1, {"b": "x10"}]}),
    ],
)
def test_a_template_is_filled(value, result):
    assert compiled(value).evaluate(VALUES) == result


@pytest.mark.parametrize(
    ("value", "path", "message", "line", "column"),
    [
        ("a ${input.n", (), "'${' is not closed by '}'", 1, 3),
        ("a\n  ${input.n +}", (), "the end was not expected here", 2, 14),
        ("${input.n\n+}", (), "the end was not expected here", 2, 2),
        ({"a": [1, "${foo}"]}, ("a", 1), "nothing is called 'foo'", 1, 3),
    ],
)
def test_what_is_wrong_in_a_template_is_found_where_it_stands(value, path, message, line, column):
    result = compile_template(value, EMPTY)

    assert isinstance(result, list)
    [(found, problem)] = result
    assert (found, problem.message) == (path, message)
    assert (problem.line, problem.column) == (line, column)


def test_what_a_template_names_is_what_its_expressions_name():
    template = compiled(["${input.a}", {"b": "${steps.x.output}"}], Scope(steps={"x": None}))

    assert template.names.roots == {"input", "steps"}
    assert template.names.outputs == {"x"}


def test_only_a_text_with_an_opening_is_a_template():
    assert is_template("a ${b}")
    assert is_template("$${b}")
    assert not is_template("a $b {c}")
