"""The library has an evaluator as well: expressions drawn at random have the same value in both."""

from __future__ import annotations

import math
import operator
from datetime import datetime, timedelta

import pytest
from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowworker.expressions.bounds import Work
from flowworker.expressions.evaluation import program_of
from flowworker.expressions.failure import Failure
from flowworker.expressions.library import DYNAMIC, Checked, checked

VALUES = {
    "i": 7,
    "j": -3,
    "f": 1.5,
    "s": "Ada Lovelace",
    "e": "",
    "u": "größe",
    "t": True,
    "n": None,
    "l": [1, 2.0, 3],
    "w": ["b", "a", "c"],
    "o": {"a": 1, "b": {"c": [True, None]}},
    "d": "2026-02-28T23:59:59Z",
    "p": "90m",
}


def mixed(name, compute):
    kinds = cel.Type.INT, cel.Type.DOUBLE
    return cel.FunctionDecl(
        name,
        [
            cel.Overload(f"{name}1", cel.Type.DOUBLE, kinds, impl=compute),
            cel.Overload(f"{name}2", cel.Type.DOUBLE, kinds[::-1], impl=compute),
        ],
    )


def quotient(one, other):
    if other:
        return one / other
    return math.nan if one == 0 else math.copysign(math.inf, one) * math.copysign(1, other)


LIBRARY = cel.NewEnv(
    variables={"input": cel.Type.DYN},
    extensions=[
        ext_strings.ExtStrings(),
        ext_math.ExtMath(),
        cel.CelExtension(
            "numbers",
            [
                mixed("_+_", operator.add),
                mixed("_-_", operator.sub),
                mixed("_*_", operator.mul),
                mixed("_/_", quotient),
            ],
        ),
    ],
)

OPERATORS = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in"]
LITERALS = [
    *("0", "1", "2", "-1", "9223372036854775807", "-9223372036854775808", "0.5", "2.0", "-0.0"),
    *("'a'", "''", "'ä'", "', '", "true", "false", "null", "[]", "{}", "'%s|%d'", "'[a-z]+'"),
    *("{'a': 1}", "[1, 'a']", "'12'", "'1.5'", "'true'", "'UTC'", "dyn(1)", "dyn('a')"),
]
LEAVES = st.sampled_from([*LITERALS, *(f"input.{name}" for name in VALUES), "x"])
METHODS = [
    *("contains", "startsWith", "endsWith", "matches", "indexOf", "lastIndexOf", "charAt", "join"),
    *("split", "substring", "format", "getHours"),
]
SIMPLE = [
    *("size", "string", "int", "double", "bool", "timestamp", "duration", "type", "math.abs"),
    *("math.ceil", "math.round", "math.isNaN", "math.sqrt", "math.greatest", "dyn", "!", "-"),
]
MACROS = ["all", "exists", "exists_one", "filter", "map"]


def grown(inner):
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.builds("({0[0]} {1} {0[1]})".format, pair, st.sampled_from(OPERATORS)),
        st.builds("{}({})".format, st.sampled_from(SIMPLE), inner),
        st.builds("{0[0]}.{1}({0[1]})".format, pair, st.sampled_from(METHODS)),
        st.builds(
            "{}.{}()".format, inner, st.sampled_from(["trim", "upperAscii", "size", "getMonth"])
        ),
        st.builds("{0[0]}.{1}(x, {0[1]})".format, pair, st.sampled_from(MACROS)),
        st.builds("{0[0]}.map(x, {1}, {0[1]})".format, pair, inner),
        st.builds("{0[0]}.replace({0[1]}, {1})".format, pair, inner),
        st.builds("{0[0]}[{0[1]}]".format, pair),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("{}.{}".format, inner, st.sampled_from("abc")),
        st.builds("has({}.{})".format, inner, st.sampled_from("abc")),
        st.builds("[{0[0]}, {0[1]}]".format, pair),
        st.builds("{{'a': {0[0]}, 'b': {0[1]}}}".format, pair),
    )


def in_library(text):
    result = LIBRARY.compile(text).eval(data={"input": VALUES})
    value = result.plain_value()
    return ("failed",) if result.type().name() == "ERROR" else ("is", comparable(value))


def here(text):
    expression = checked(text, frozenset({("input", DYNAMIC)}))
    assert isinstance(expression, Checked)
    try:
        return "is", comparable(program_of(expression.tree)({"input": VALUES}, Work()))
    except Failure:
        return ("failed",)


def comparable(value):
    """A value that tells `1` from `True`, and is itself if it is no number."""
    match value:
        case list():
            return [comparable(item) for item in value]
        case dict():
            return {key: comparable(item) for key, item in value.items()}
        case float() if math.isnan(value):
            return "nan"
        case str() | bytes() | None | datetime() | timedelta():
            return value
        case bool() | int() | float():
            return type(value).__name__, value
        case _:
            return "type"


def is_known_difference(text):
    """Keys that are no texts, maps that are gone through: their order is left to chance there."""
    return any(f"{start}.{macro}" in text for start in ("}", "o", "b") for macro in MACROS)


@pytest.mark.hypothesis
def test_both_have_the_same_value_for_what_is_drawn():
    compared = []

    @settings(max_examples=400, deadline=None, database=None)
    @given(st.recursive(LEAVES, grown, max_leaves=6))
    @example("[1, 2].exists(x, x / 0 > 1 || x == 2)")
    def compare(text):
        if is_known_difference(text):
            return
        try:
            LIBRARY.compile(text)
        except RuntimeError:
            return
        compared.append(text)
        assert here(text) == in_library(text), text

    compare()
    assert len(compared) > 50


@pytest.mark.parametrize("text", ["1 + 1", "'a' in {'a': 1}", "[1, true].map(x, x)"])
def test_the_comparison_tells_what_differs(text):
    assert here(text) == in_library(text)
    assert here(text) != here("2 + 2")
