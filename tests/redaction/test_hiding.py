"""A value and rules -> the value that people see."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowworker.redaction import MARK, Hider, Rules, Secrets, hidden, hidden_text, secrets_of
from flowworker.redaction import hiding as hiding_module

SECRET = {"secret": True}
LONG = "a-secret-that-is-longer-than-its-head"


def by_schema(schema):
    return Rules(schema=schema)


def field(schema, name="x"):
    return {"properties": {name: schema}}


PLACES = [
    # schema, value, what is shown
    (SECRET, {"x": 1}, MARK),
    (field(SECRET), {"x": 1, "y": 2}, {"x": MARK, "y": 2}),
    (field(SECRET), {"x": {"deep": [1, 2]}}, {"x": MARK}),
    (field(SECRET), {"x": None}, {"x": None}),
    (field(SECRET), {"x": False}, {"x": MARK}),
    (field({"secret": False}), {"x": 1}, {"x": 1}),
    (field(SECRET), [1], [1]),
    (field(field(SECRET, "b"), "a"), {"a": {"b": 1, "c": 2}}, {"a": {"b": MARK, "c": 2}}),
    (field({"items": SECRET}), {"x": [1, None, "b"]}, {"x": [MARK, None, MARK]}),
    ({"prefixItems": [True, SECRET]}, [1, 2, 3], [1, MARK, 3]),
    ({"prefixItems": [SECRET], "items": True}, [1, 2], [MARK, 2]),
    ({"prefixItems": [True], "items": SECRET}, [1, 2, 3], [1, MARK, MARK]),
    ({"prefixItems": [True], "contains": SECRET}, [1, 2], [MARK, MARK]),
    ({"unevaluatedItems": SECRET}, [1], [MARK]),
    (
        {"properties": {"a": True}, "additionalProperties": SECRET},
        {"a": 1, "b": 2},
        {"a": 1, "b": MARK},
    ),
    ({"patternProperties": {"^p": SECRET}}, {"p": 1}, {"p": MARK}),
    ({"unevaluatedProperties": SECRET}, {"p": 1}, {"p": MARK}),
    ({"allOf": [field(SECRET)]}, {"x": 1}, {"x": MARK}),
    ({"anyOf": [field({"type": "null"}), field(SECRET)]}, {"x": 1}, {"x": MARK}),
    ({"oneOf": [field(True), field(SECRET)]}, {"x": 1}, {"x": MARK}),
    ({"if": True, "then": field(SECRET)}, {"x": 1}, {"x": MARK}),
    ({"if": False, "else": field(SECRET)}, {"x": 1}, {"x": MARK}),
    ({"dependentSchemas": {"y": field(SECRET)}}, {"x": 1}, {"x": MARK}),
    # References
    ({**field({"$ref": "#/$defs/s"}), "$defs": {"s": SECRET}}, {"x": 1}, {"x": MARK}),
    ({**field({"$ref": "#/$defs/a~1b~0"}), "$defs": {"a/b~": SECRET}}, {"x": 1}, {"x": MARK}),
    ({"allOf": [SECRET | {"type": "string"}], **field({"$ref": "#/allOf/0"})}, [], MARK),
    (
        {"anyOf": [True, {"items": SECRET}], **field({"$ref": "#/anyOf/1"})},
        {"x": [1]},
        {"x": [MARK]},
    ),
    ({**field({"$ref": "#s"}), "$defs": {"s": SECRET | {"$anchor": "s"}}}, {"x": 1}, {"x": MARK}),
    (
        {**field({"$dynamicRef": "#s"}), "$defs": {"s": SECRET | {"$dynamicAnchor": "s"}}},
        {"x": 1},
        {"x": MARK},
    ),
    ({**field({"$ref": "#"}), "additionalProperties": SECRET}, {"x": {"y": 1}}, {"x": {"y": MARK}}),
    # In doubt nothing is shown, where anything is secret
    ({**field({"$ref": "#nowhere"}), "$defs": {"s": SECRET}}, {"x": 1}, {"x": MARK}),
    ({**field({"$ref": "#/$defs/no"}), "$defs": {"s": SECRET}}, {"x": 1}, {"x": MARK}),
    ({**field({"$ref": "#/anyOf/9"}), "anyOf": [True, field(SECRET, "y")]}, {"x": 1}, {"x": MARK}),
    ({**field({"$ref": "#/$defs/s/secret/x"}), "$defs": {"s": SECRET}}, {"x": 1}, {"x": MARK}),
    ({**field({"$ref": "other"}), "$defs": {"s": SECRET}}, {"x": 1}, {"x": MARK}),
    ({**field({"$id": "urn:a", "$ref": "#"}), "$defs": {"s": SECRET}}, {"x": 1}, {"x": MARK}),
    (
        {"$ref": "#/$defs/s", "$defs": {"s": field(SECRET), "t": {"$anchor": "t"}}},
        {"x": 1},
        {"x": MARK},
    ),
    (
        {"allOf": [{"$ref": "#/$defs/s"}, {"$ref": "#/$defs/s"}], "$defs": {"s": field(SECRET)}},
        {"x": 1},
        {"x": MARK},
    ),
    # Where it means nothing, and where it is a name
    ({"not": field(SECRET)}, {"x": 1}, {"x": 1}),
    ({"propertyNames": SECRET}, {"x": 1}, {"x": 1}),
    ({"properties": {"secret": True}}, {"secret": 1}, {"secret": 1}),
    ({"const": SECRET}, SECRET, SECRET),
    (True, {"x": 1}, {"x": 1}),
    (None, {"x": 1}, {"x": 1}),
]


@pytest.mark.parametrize(("schema", "value", "shown"), PLACES)
def test_a_schema_says_which_places_are_secret(schema, value, shown):
    before = json.dumps(value)

    assert hidden(value, by_schema(schema)) == shown
    assert json.dumps(value) == before


@pytest.mark.parametrize(
    ("names", "value", "shown"),
    [
        (
            ["token"],
            {"token": "x", "Token": "y", "tokens": "z"},
            {"token": MARK, "Token": MARK, "tokens": "z"},
        ),
        (["*password*"], [{"a": {"my_PASSWORD_2": [1]}}], [{"a": {"my_PASSWORD_2": MARK}}]),
        (["a?"], {"ab": 1, "a": 2}, {"ab": MARK, "a": 2}),
        (["[ab]"], {"a": 1, "b": None, "c": 3}, {"a": MARK, "b": None, "c": 3}),
        (["a.b"], {"a.b": 1, "axb": 2}, {"a.b": MARK, "axb": 2}),
        ([], {"token": 1}, {"token": 1}),
    ],
)
def test_names_are_secret_at_any_depth(names, value, shown):
    assert hidden(value, Rules(tuple(names))) == shown


@pytest.mark.parametrize(
    ("secret", "value", "shown"),
    [
        ("hunter2", "it is hunter2.", f"it is {MARK}."),
        ("hunter2", {"hunter2": ["hunter2", 1]}, {MARK: [MARK, 1]}),
        ("hunter2", {"a": "hunter"}, {"a": "hunter"}),
        ("4111111111111111", {"card": 4111111111111111}, {"card": MARK}),
        ("123.25", [123.25, 3.25], [MARK, 3.25]),
        ('say "it"\n', json.dumps({"a": 'say "it"\n'}), f'{{"a": "{MARK}"}}'),
        ('say "it"\n', repr('say "it"\n'), f"'{MARK}'"),
        ("two\nlines", "in one: two lines", f"in one: {MARK}"),
        ("a/b c%d", "https://x/?a%2Fb%20c%25d", f"https://x/?{MARK}"),
        ("größer", json.dumps("größer"), f'"{MARK}"'),
        (LONG, f"{LONG[:-3]}", MARK),
        (LONG, f"{LONG[:16]}…", f"{MARK}…"),
        (LONG, LONG[:15], LONG[:15]),
        (LONG, f"{LONG}{LONG}", MARK * 2),
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(secret, value, shown):
    assert hidden(value, Rules(secrets=Secrets((secret,)))) == shown


def test_of_two_secrets_the_longer_one_is_hidden():
    both = Secrets(("abcdef", "abcdefgh", f"{LONG}-1", f"{LONG}-22"))

    assert hidden_text("abcdefgh abcdefg", both) == f"{MARK} {MARK}g"
    assert hidden_text(f"{LONG}-22 {LONG}-1", both) == f"{MARK} {MARK}"


def test_what_is_not_secret_is_the_same_object():
    value = {"a": [1, {"b": "text"}], "c": (1, 2)}

    assert hidden(value, Rules(("x",), field(SECRET), Secrets(("abcdef",)))) is value
    assert Hider(Rules()).value(value) is value
    assert Hider(Rules()).text("text") == "text"
    assert not Rules()
    assert Rules(("x",))


def test_secrets_are_collected_as_texts():
    schema = {"properties": {"a": SECRET, "b": SECRET, "c": SECRET}}
    value = {
        "a": ["long enough ", {"k": 1234567, "x": "short", "n": None, "t": True}],
        "b": "twice-it",
        "token": "twice-it",
    }

    found = secrets_of(value, Rules(("token",), schema))
    assert found is not None
    assert sorted(found.texts) == ["1234567", "long enough", "twice-it"]
    assert secrets_of({"c": "short"}, by_schema(schema)) == Secrets()
    assert secrets_of({"c": None, "d": "what is no secret"}, by_schema(schema)) is None


def test_of_too_many_secrets_nothing_at_all_is_shown():
    many = [f"secret number {number}" for number in range(1_001)]
    found = secrets_of({"x": many}, by_schema(field(SECRET)))

    assert found == Secrets(more=True)
    assert Secrets(("abcdef",)) | found == Secrets(more=True)
    assert hidden({"a": 1}, Rules(secrets=found)) == MARK
    assert hidden_text("anything", found) == MARK
    assert Rules(secrets=found)


def test_what_cannot_be_looked_at_is_hidden_whole(monkeypatch):
    deep: list = []
    for _ in range(2_000):
        deep = [deep]
    assert hidden(deep, Rules(("x",))) == MARK
    assert secrets_of(deep, Rules(("x",))) == Secrets(more=True)
    assert hidden("\ud800", Rules(("x",))) == MARK

    # A value with very many parts: those that come last
    monkeypatch.setattr(hiding_module, "_MOST", 3)
    assert hidden([1, 2, 3, 4], Rules(("x",))) == [1, 2, MARK, MARK]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON, st.text(alphabet="abc\"\\\n %äöü'", min_size=6))
def test_a_secret_is_in_nothing_that_is_shown(value, secret):
    secret = f"s{secret.strip()}-secret"
    rules = Rules(secrets=Secrets((secret,)))
    within = {"a": value, "b": [f"x{secret}y", {secret: json.dumps(secret)}], "c": repr(secret)}

    shown = hidden(within, rules)

    written = msgspec.json.encode(shown).decode()
    assert secret not in written
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in written


@given(JSON)
def test_hidden_twice_is_hidden_once(value):
    rules = Rules(("*a*",), {"items": SECRET, "additionalProperties": {"items": SECRET}})

    once = hidden(value, rules)

    assert hidden(once, rules) == once
