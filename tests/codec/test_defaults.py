"""What a start leaves out is filled in by the defaults of its workflow's schema."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from flowworker.codec import defaults
from flowworker.codec.defaults import filled, has_defaults
from flowworker.errors import InvalidInput

GERMAN = {"country": "DE"}
ADDRESS = {"properties": {"country": {"default": "DE"}, "zip": {}}}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"properties": {"n": {"default": 1}}}, {}, {"n": 1}),
        ({"properties": {"n": {"default": 1}}}, {"n": None}, {"n": None}),
        ({"properties": {"n": {"default": None}}}, {}, {"n": None}),
        ({"properties": {"to": ADDRESS}}, {"to": {"zip": 1}}, {"to": {"zip": 1, "country": "DE"}}),
        ({"properties": {"to": ADDRESS}}, {}, {}),
        ({"properties": {"to": {**ADDRESS, "default": {}}}}, {}, {"to": {"country": "DE"}}),
        ({"properties": {"to": ADDRESS}}, {"to": 7}, {"to": 7}),
        (
            {"properties": {"all": {"items": ADDRESS}}},
            {"all": [{}, 7, {"country": "AT"}]},
            {"all": [{"country": "DE"}, 7, {"country": "AT"}]},
        ),
        (
            {"properties": {"all": {"prefixItems": [ADDRESS]}}},
            {"all": [{}, {}]},
            {"all": [{"country": "DE"}, {}]},
        ),
        ({"additionalProperties": ADDRESS}, {"home": {}}, {"home": {"country": "DE"}}),
        ({"additionalProperties": False}, {"home": {}}, {"home": {}}),
        (
            {"allOf": [ADDRESS, {"properties": {"n": {"default": 2}}}]},
            {},
            {"country": "DE", "n": 2},
        ),
        ({"anyOf": [ADDRESS], "oneOf": [ADDRESS], "if": True, "then": ADDRESS}, {}, {}),
        (
            {"properties": {"to": {"$ref": "#/$defs/a"}}, "$defs": {"a": ADDRESS}},
            {"to": {}},
            {"to": {"country": "DE"}},
        ),
        (
            {"properties": {"n": {"$ref": "#/$defs/n~1m"}}, "$defs": {"n/m": {"default": 3}}},
            {},
            {"n": 3},
        ),
        ({"properties": {"n": {"$ref": "#/allOf/0"}}, "allOf": [{"default": 4}]}, {}, {"n": 4}),
        ({"properties": {"n": {"$ref": "#/allOf/7"}}, "allOf": [True]}, {}, {}),
        ({"properties": {"n": {"$ref": "other"}}}, {}, {}),
        ({"properties": {"n": True}}, {}, {}),
        (True, {}, {}),
    ],
)
def test_what_is_filled_in(schema, value, expected):
    before = deepcopy(value)

    found = filled(schema, value)

    assert found == expected
    assert value == before
    assert filled(schema, found) == found
    assert (found is value) == (expected == before)


def test_a_default_is_not_filled_into_itself():
    schema: dict[str, Any] = {"properties": {"inner": {"$ref": "#", "default": {}}}}
    assert filled(schema, {}) == {"inner": {}}


def test_a_default_is_a_value_of_its_own():
    schema: dict[str, Any] = {"properties": {"tags": {"default": []}}}
    filled(schema, {})["tags"].append("x")
    assert filled(schema, {}) == {"tags": []}


def test_more_and_more_is_refused():
    schema: dict[str, Any] = {"$defs": {"s20": {}}}
    for level in range(20):
        below = {"$ref": f"#/$defs/s{level + 1}", "default": {}}
        schema["$defs"][f"s{level}"] = {"properties": {"a": below, "b": {**below}}}
    schema["$ref"] = "#/$defs/s0"
    with pytest.raises(InvalidInput, match=f"more than {defaults._MOST:,} defaults"):
        filled(schema, {})


def test_what_is_nested_too_deeply_is_refused():
    schema: dict[str, Any] = {"$defs": {"s5000": {}}, "$ref": "#/$defs/s0"}
    for level in range(5000):
        below = {"$ref": f"#/$defs/s{level + 1}", "default": {}}
        schema["$defs"][f"s{level}"] = {"properties": {"a": below}}
    with pytest.raises(InvalidInput, match="nested too deeply"):
        filled(schema, {})


def test_references_in_circles_have_an_end():
    assert filled({"$ref": "#", "allOf": [{"$ref": "#"}]}, {"a": 1}) == {"a": 1}


def test_whether_there_may_be_defaults():
    assert has_defaults({"properties": {"a": {"allOf": [{"default": 1}]}}})
    assert not has_defaults({"properties": {"a": {"type": ["object", "null"]}}})
