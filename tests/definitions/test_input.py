from __future__ import annotations

import io
import json
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowworker.definitions import InputValidator
from flowworker.definitions import input as input_module
from flowworker.definitions.schema import MAX_SCHEMA_VALUES, schema_problems
from flowworker.definitions.weight import BOUNDLESS, Weight, weigh
from flowworker.errors import DefinitionError, InvalidInput
from tests.definitions.strategies import json_values

ORDER = {
    "type": "object",
    "required": ["order_id"],
    "properties": {
        "order_id": {"type": "integer", "minimum": 1},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "additionalProperties": False,
    "$defs": {"item": {"type": "object", "properties": {"sku": {"type": "string"}}}},
}


def nested(depth, innermost=""):
    """A list in a list in a list..., as deep as asked for."""
    return json.loads("[" * depth + innermost + "]" * depth)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"order_id": 7}, []),
        ({"order_id": 7, "items": [{"sku": "a"}, {}]}, []),
        ({}, ['$: "order_id" is a required property']),
        ([], ['$: [] is not of type "object"']),
        (
            {"order_id": "7", "items": [{"sku": "a"}, {"sku": 5}], "more": 1},
            [
                '$.order_id: "7" is not of type "integer"',
                '$.items[1].sku: 5 is not of type "string"',
                "$: Additional properties are not allowed ('more' was unexpected)",
            ],
        ),
        ({"order_id": 0}, ["$.order_id: 0 is less than the minimum of 1"]),
    ],
)
def test_inputs_are_judged_with_the_path_to_what_is_wrong(value, expected):
    assert InputValidator(ORDER).problems(value) == expected


def test_what_is_wrong_with_an_input_that_may_have_secrets_is_said_without_values():
    secret = {"properties": {"a": {"secret": True, "enum": ["x", "y"]}, "b": {"type": "integer"}}}

    found = InputValidator(secret).problems({"a": "hunter2", "b": "text"})

    assert found == [
        '$.a: «secret» is not one of "x" or "y"',
        '$.b: «secret» is not of type "integer"',
    ]


def test_many_problems_are_cut_short():
    validator = InputValidator({"items": {"type": "string"}})
    assert len(validator.problems([1] * 20)) == 20
    found = validator.problems([1] * 10_000)
    assert len(found) == 21
    assert found[-1] == "and more"


def test_a_long_message_is_cut_short():
    (problem,) = InputValidator({"type": "string"}).problems(["a\nb"] * 1000)
    assert "\n" not in problem
    assert len(problem) < 350


def test_deep_input_is_a_problem_not_a_crash():
    # As deep as JSON decoders let through
    deep = [nested(900), nested(900)]

    assert InputValidator({"uniqueItems": True}).problems(deep) == [
        "$: cannot be checked: nested too deeply"
    ]
    assert InputValidator({"items": {"$ref": "#"}}).problems(deep) == []


def test_a_schema_that_refers_to_itself_for_ever_demands_nothing():
    assert InputValidator({"$ref": "#"}).problems({}) == []


def test_absurd_numbers_are_no_crash():
    assert InputValidator({"multipleOf": 0.01}).problems(10**400) == []


HOSTILE = [
    ({"pattern": "^(a+)+$"}, "a" * 40 + "!"),
    ({"pattern": r"^(a|aa)+\1$"}, "a" * 60 + "!"),
    ({"pattern": "^(?=(a+)+$)a"}, "a" * 60 + "!"),
    ({"patternProperties": {"^(a+)+$": False}}, {"a" * 40 + "!": 1}),
]


@pytest.mark.parametrize(("schema", "value"), HOSTILE)
def test_no_regular_expression_takes_for_ever(schema, value, monkeypatch):
    monkeypatch.setattr(input_module, "_in_a_process", lambda *_: pytest.fail("at once"))
    problems = InputValidator(schema).problems(value)
    assert len(problems) == ("pattern" in schema)


TREE = {"anyOf": [{"type": "array", "items": {"$ref": "#"}}] * 2}
"""Its verdict is quick; the list of reasons doubles with each level."""
REPEATED = {
    "$ref": "#/$defs/0",
    "$defs": {
        "40": {"type": "string"},
        **{str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(40)},
    },
}
"""Its verdict doubles with each reference."""


@pytest.mark.slow
@pytest.mark.parametrize(("schema", "value"), [(TREE, nested(60, "1")), (REPEATED, "x")])
def test_what_could_take_for_ever_is_ended(schema, value, monkeypatch):
    monkeypatch.setattr(input_module, "TIME_LIMIT", 0.3)
    validator = InputValidator(schema)

    assert not validator.is_quick(1)
    assert validator.problems(value) == ["$: cannot be checked within 0.3 s"]


def test_what_is_judged_in_a_process_of_its_own_gets_the_same_answer():
    assert InputValidator(TREE).problems([1]) == [
        "$: [1] is not valid under any of the schemas listed in the 'anyOf' keyword"
    ]
    assert InputValidator(TREE).problems([[]]) == []
    heavy = InputValidator({"items": {"pattern": "^(a{1,99}){1,99}(b{1,9}){1,9}$"}})
    assert heavy.problems(["ab"] * 500) == []


def test_a_process_that_fails_is_a_problem_not_a_crash(monkeypatch):
    monkeypatch.setattr(input_module, "_CHILD", "raise SystemExit(3)")
    (problem,) = InputValidator(TREE).problems([1])
    assert problem == "$: cannot be checked: the process that checks inputs failed"


def test_a_process_that_gets_no_processor_is_not_waited_for_without_end(monkeypatch):
    monkeypatch.setattr(input_module, "_CHILD", "import time; time.sleep(600)")
    monkeypatch.setattr(input_module, "_WALL_TIME_LIMIT", 0.1)
    (problem,) = InputValidator(TREE).problems([1])
    assert problem == "$: cannot be checked: no processor was free for that in 0.1 s"


@pytest.mark.parametrize(
    ("order", "problems"), [(0, ["$.order_id: 0 is less than the minimum of 1"]), (1, [])]
)
def test_the_process_of_its_own(monkeypatch, order, problems):
    came, went = io.BytesIO(json.dumps([ORDER, {"order_id": order}]).encode()), io.BytesIO()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(came))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(went))

    limited = []
    monkeypatch.setattr("signal.setitimer", lambda *args: limited.append(args))

    input_module.judge(2.5)

    assert limited == [(signal.ITIMER_PROF, 2.5)]
    assert json.loads(went.getvalue()) == problems


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, Weight(1, 1, recursive=False)),
        ({"type": "string"}, Weight(2, 2, recursive=False)),
        ({"items": [True, {"type": "string"}]}, Weight(5, 5, recursive=False)),
        ({"$ref": "#/$defs/x~1y~0", "$defs": {"x/y~": {}}}, Weight(5, 5, recursive=False)),
        ({"$ref": "#/allOf/0", "allOf": [{}]}, Weight(5, 5, recursive=False)),
        ({"items": {"$ref": "#"}}, Weight(4, 4, recursive=True)),
        ({"$ref": "#x"}, Weight(BOUNDLESS, BOUNDLESS, recursive=False)),
        ({"$dynamicRef": "#x"}, Weight(BOUNDLESS, BOUNDLESS, recursive=False)),
        ({"pattern": "^a$"}, Weight(3, 2, recursive=False)),
        ({"pattern": "^a{8}$"}, Weight(9, 2, recursive=False)),
        ({"pattern": "^(a{,8}){2,8}$"}, Weight(115, 2, recursive=False)),
        ({"pattern": "a{2,}"}, Weight(4, 2, recursive=False)),
        ({"pattern": "(?=a)"}, Weight(5003, 2, recursive=False)),
        ({"pattern": r"(a)\1"}, Weight(5003, 2, recursive=False)),
        ({"patternProperties": {"a": {}, "b": {}}}, Weight(6, 4, recursive=False)),
    ],
)
def test_what_a_schema_weighs(schema, expected):
    assert weigh(schema) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema.json"},
        {"properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"type": "objekt"},
        {"pattern": "("},
        {"pattern": "a{99999999999999}"},
        {"$id": "urn:a", "$defs": {"x": {"$id": "urn:b"}}, "$ref": "urn:c"},
        {"properties": {"a": {"$schema": "urn:unknown", "$ref": "#x"}}},
        {"enum": [1] * MAX_SCHEMA_VALUES},
        json.loads('{"not":' * 300 + "{}" + "}" * 300),
    ],
)
def test_what_is_no_schema_is_refused(schema):
    with pytest.raises(DefinitionError, match=r"^input_schema: "):
        InputValidator(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}},
        {"$ref": "#x", "$defs": {"x": {"$anchor": "x", "type": "string"}}},
        {"$dynamicRef": "#x", "$defs": {"x": {"$dynamicAnchor": "x", "type": "string"}}},
        {"$id": "https://a.example/b", "$ref": "c", "$defs": {"x": {"$id": "c", "type": "string"}}},
        {"$ref": "#/definitions/x", "definitions": {"x": {"type": "string"}}},
        {"$ref": "#/x-types/y", "x-types": {"y": {"$ref": "#/x-types/z"}, "z": {"type": "string"}}},
    ],
)
@pytest.mark.slow  # each is judged in a process of its own
def test_references_within_the_schema_are_followed(schema):
    validator = InputValidator(schema)

    assert validator.problems("text") == []
    assert validator.problems(5) == ['$: 5 is not of type "string"']


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"$ref": {}}}, {}),
        ({"const": {"$ref": "https://example.com"}}, {"$ref": "https://example.com"}),
    ],
)
def test_what_only_looks_like_a_reference_is_none(schema, value):
    assert InputValidator(schema).problems(value) == []


_KEYWORDS = [
    *("$ref", "$dynamicRef", "$id", "$anchor", "$defs", "$schema", "type", "properties", "items"),
    *("allOf", "not", "pattern", "patternProperties", "multipleOf", "const", "required", "x"),
]
_schemas = st.recursive(
    json_values | st.sampled_from(["#", "#/$defs/x", "#x", "object", "urn:a", "#/allOf/a", "("]),
    lambda inner: (
        st.dictionaries(st.sampled_from(_KEYWORDS), inner, max_size=4)
        | st.lists(inner, max_size=3)
        | st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from("ab"), inner)})
        | st.fixed_dictionaries({"$defs": st.dictionaries(st.sampled_from("xy"), inner)})
    ),
    max_leaves=10,
)


@pytest.mark.slow
@given(_schemas, json_values)
@settings(deadline=None)
def test_whatever_the_schema_nothing_else_is_raised(schema, value):
    if not schema_problems(schema):
        InputValidator(schema).problems(value)


def test_what_does_not_satisfy_the_schema_is_refused_with_all_reasons():
    validator = InputValidator({"type": "object", "required": ["a", "b"]})

    validator.check({"a": 1, "b": 2})

    with pytest.raises(InvalidInput, match=r'input_schema: \$: "a" is .*; \$: "b" is '):
        validator.check({})
