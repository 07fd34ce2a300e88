"""What CEL's operators, macros and functions come to: after the cases of its specification."""

from __future__ import annotations

import pytest

from flowworker.errors import ExpressionError
from flowworker.expressions import Expression, Scope, compile_expression

INPUT = {
    "huge": 2**70,
    "vast": 10**400,
    "nul": "a\0b",
    "none": None,
    "text": "Ada",
    "list": [1, 2, 3],
    "map": {"b": 1, "a": 2},
    "when": "2026-02-28T23:59:59Z",
}


def evaluated(text):
    expression = compile_expression(text, Scope())
    assert isinstance(expression, Expression), expression
    return expression.evaluate({"input": INPUT})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # Numbers
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("2 - 5", -3),
        ("-(1 - 2)", 1),
        ("1 + 0.5", 1.5),
        ("0.5 * 4", 2.0),
        ("7 / 2.0", 3.5),
        ("input.huge > 1", True),
        ("9223372036854775807 - 1", 9223372036854775806),
        # Comparison
        ("dyn(1) == 1.0", True),
        ("dyn(1) == true", False),
        ("dyn('1') == 1", False),
        ("null == null", True),
        ("input.none == null", True),
        ("[1, 2.0] == [1.0, 2]", True),
        ("[1] == [1, 2]", False),
        ("input.map == {'b': 1.0, 'a': 2}", True),
        ("{'a': 1} == {'b': 1}", False),
        ("{'a': [dyn(true)]} != {'a': [dyn(1)]}", True),
        ("'a' < 'b' && false < true && 1 <= 1.5 && 2 >= 2", True),
        ("1 != 2", True),
        # Logic: what decides hides an error
        ("false && 1 / 0 > 0", False),
        ("1 / 0 > 0 && false", False),
        ("true || 1 / 0 > 0", True),
        ("1 / 0 > 0 || true", True),
        ("!true || !false", True),
        ("true ? 'a' : 'b'", "a"),
        ("false ? 1 / 0 : 2", 2),
        # Lists and maps
        ("2 in input.list", True),
        ("2.0 in input.list", True),
        ("'b' in input.map", True),
        ("dyn(1) in input.map", False),
        ("input.list[2.0]", 3),
        ("input.map['a']", 2),
        ("input.list + [4]", [1, 2, 3, 4]),
        ("[1, [2], {'c': null}]", [1, [2], {"c": None}]),
        # Macros
        ("input.list.all(x, x > 0)", True),
        ("input.list.exists(x, x > 1)", True),
        ("[0, 1].exists(x, 1 / x == 1)", True),
        ("[0, 1].all(x, 1 / x == 2)", False),
        ("input.list.exists_one(x, x > 2)", True),
        ("input.list.exists_one(x, x > 1)", False),
        ("input.list.filter(x, x > 1)", [2, 3]),
        ("input.list.map(x, x > 1, x * 2)", [4, 6]),
        ("input.map.map(key, input.map[key])", [1, 2]),
        ("input.list.map(x, input.list.filter(y, y > x).size())", [2, 1, 0]),
        ("[1].map(x, [x]).map(x, [x]).map(x, [x]).map(x, [x])", [[[[[1]]]]]),
        ("has(input.map.a) && !has(input.map.z)", True),
        # Conversions and types
        ("int(2.9) + int('3')", 5),
        ("double('1.5') + double(1)", 2.5),
        ("string(1) + string(1.5) + string(true) + string('a')", "11.5truea"),
        ("bool('true')", True),
        ("type(1) == int && type('') == string && type(1) != double", True),
        ("dyn('a') + 'b'", "ab"),
        # Texts
        ("size('größe') + size([1]) + 'ab'.size() + size({})", 8),
        ("'größe'.contains('öß') && 'ab'.startsWith('a') && 'ab'.endsWith('b')", True),
        ("'2026-01-02'.matches('^[0-9]{4}(-[0-9]{2}){1,2}$')", True),
        ("'größe'.matches('^\\\\pL+$')", True),
        ("'a)'.matches('a[)]') && 'aa'.matches('^a{2,}$')", True),
        ("'abc'.charAt(1) + 'abc'.substring(1)", "bbc"),
        ("'abcb'.indexOf('b') + 'abcb'.lastIndexOf('b') + 'abcb'.indexOf('b', 2)", 7),
        ("'abcb'.lastIndexOf('b', 2)", 1),
        ("['a', 'b'].join() + ['a', 'b'].join('-')", "aba-b"),
        ("'aaa'.replace('a', 'b') + 'aaa'.replace('a', 'b', 1)", "bbbbaa"),
        ("'a,b,c'.split(',')", ["a", "b", "c"]),
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
        ("'a,b'.split(',', 0)", []),
        ("'abc'.split('')", ["a", "b", "c"]),
        ("'abc'.split('', 2)", ["a", "bc"]),
        ("''.split(',')", [""]),
        ("' Ab '.trim().lowerAscii() + 'b'.upperAscii() + 'ab'.reverse()", "abBba"),
        ("strings.quote('a\"')", '"a\\""'),
        ("'%s %d %.2f'.format(['a', 1, 1.5])", "a 1 1.50"),
        (
            "'%s'.format([[timestamp(input.when), {'a': duration('1s')}, int]])",
            "[2026-02-28T23:59:59Z, {a: 1s}, int]",
        ),
        # Numbers of the extension
        ("math.greatest(1, 2.5) + math.least([3, 1]) + math.abs(-1)", 4.5),
        ("math.ceil(1.2) + math.floor(1.8) + math.round(1.5)", 5.0),
        # Moments and durations
        ("timestamp(input.when)", "2026-02-28T23:59:59Z"),
        ("duration('1h30m')", "5400s"),
        ("string(timestamp(input.when) + duration('1s'))", "2026-03-01T00:00:00Z"),
        ("timestamp('2026-01-02T00:00:00Z') - timestamp('2026-01-01T00:00:00Z')", "86400s"),
        ("timestamp('2026-01-02T00:00:00Z') - duration('1.5s')", "2026-01-01T23:59:58.500Z"),
        ("duration('1h') - duration('1m') + duration('1s')", "3541s"),
        ("timestamp(input.when).getMonth()", 1),
        ("timestamp(input.when).getHours('Europe/Berlin')", 0),
        ("timestamp(input.when) > timestamp('2026-01-01T00:00:00Z')", True),
        ("timestamp(input.when) == timestamp('2026-02-28T23:59:59Z')", True),
    ],
)
def test_cel(text, value):
    result = evaluated(text)

    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("9223372036854775807 + 1", "the whole number is too large for 64 bits"),
        ("-9223372036854775808 / -1", "the whole number is too large for 64 bits"),
        ("1.0e308 * 10.0", "JSON has no number inf"),
        ("1 / 0", "divide by zero"),
        ("1 % 0", "modulus by zero"),
        ("-1.5 / 0.0", "JSON has no number -inf"),
        ("0.0 / 0.0", "JSON has no number nan"),
        ("input.vast * 1.5", "the number is too large"),
        ("dyn(1.5) % 2", "'%' does not take (double, int)"),
        ("input.text + 1", "'+' does not take (string, int)"),
        ("input.none - 1", "'-' does not take (null, int)"),
        ("-input.text", "'-' does not take (string)"),
        ("!input.text", "'!' does not take (string)"),
        ("input.text && true", "'&&' does not take (string)"),
        ("input.text || false", "'||' does not take (string)"),
        ("input.text ? 1 : 2", "'?:' does not take (string)"),
        ("input.text < 1", "'<' does not take (string, int)"),
        ("'a' in input.text", "'in' does not take (string, string)"),
        ("input.text[0]", "'[ ]' does not take (string, int)"),
        ("input.map['z']", "there is no 'z'"),
        ("input.list[-1]", "a list of 3 items has none at -1"),
        ("input.list.x", "input.list is of type list, and has no 'x'"),
        ("input['list'].x", "input['list'] is of type list, and has no 'x'"),
        ("[{'key': 1}][0].keys", "a value[0] has no 'keys' (did you mean 'key'?)"),
        ("input.text.map(x, x)", "'a loop' does not take (string)"),
        ("[0, 1].map(x, 1 / x)", "divide by zero"),
        ("[0, 1].all(x, 1 / x == 1)", "divide by zero"),
        ("{'a': 1, 'a': 2}", "an object has the key 'a' twice"),
        ("{1: 2}", "an object has texts as keys, found one of type int"),
        ("int", "a type is no JSON value, found int"),
        ("int('x')", "cannot convert string to int"),
        ("string(null)", "'string' does not take (null)"),
        ("size(input.none)", "'size' does not take (null)"),
        ("input.none.contains('a')", "'contains' does not take (null, string)"),
        ("'a'.contains(input.none)", "'contains' does not take (string, null)"),
        ("'a'.replace('a', input.none)", "'replace' does not take (string, string, null)"),
        ("input.text.join()", "'join' does not take (string, string)"),
        ("input.list.join()", "'join' does not take (list, int)"),
        ("input.list.split(',')", "'split' does not take (list, string)"),
        ("input.list.indexOf('a')", "'indexOf' does not take (list, string)"),
        ("'a'.indexOf('a', 2)", "indexOf: a text of 1 characters has no position 2"),
        ("input.none.matches('a')", "'matches' does not take (null, string)"),
        ("input.text.matches('(')", "invalid regular expression: missing ): ("),
        ("input.nul.upperAscii()", "a text with a NUL character is no argument"),
        ("math.abs(input.huge)", "the whole number is too large for 64 bits"),
        ("timestamp('9999-12-31T00:00:00Z') + duration('48h')", "there is no such moment"),
        ("timestamp('x')", "String to Timestamp conversion failed"),
    ],
)
def test_what_has_no_value_in_cel(text, cause):
    with pytest.raises(ExpressionError) as failure:
        evaluated(text)

    assert failure.value.cause == cause
