"""Where `secret` means nothing."""

from __future__ import annotations

import pytest

from flowworker.redaction import is_secret_at, mentions_secret, misplaced


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"properties": {"a": {"secret": True}}}, []),
        ({"properties": {"secret": {"type": "string"}}}, []),
        ({"secret": "yes"}, [((), "expected true or false")]),
        (
            {"properties": {"a": {"not": {"items": {"secret": True}}}}},
            [(("properties", "a", "not", "items"), "below 'not'")],
        ),
        ({"propertyNames": {"secret": True}}, [(("propertyNames",), "below 'propertyNames'")]),
        ({"contentSchema": {"secret": True}}, [(("contentSchema",), "below 'contentSchema'")]),
        ({"not": {"secret": False}}, []),
        ({"allOf": [{"secret": 1}]}, [(("allOf", 0), "expected true or false")]),
        (True, []),
    ],
)
def test_it_is_said_where_and_why(schema, found):
    problems = list(misplaced(schema))

    assert [path for path, _ in problems] == [path for path, _ in found]
    assert all(text in message for (_, message), (_, text) in zip(problems, found, strict=True))


def test_a_schema_mentions_a_secret_or_not():
    assert mentions_secret({"$defs": {"a": {"secret": True}}})
    assert not mentions_secret({"properties": {"secret": {"type": "string"}}})
    assert not mentions_secret({"default": {"secret": True}, "secret": "yes"})
    assert not mentions_secret(None)


@pytest.mark.parametrize(
    ("path", "is_secret"),
    [
        ((), False),
        (("open",), False),
        (("card",), True),
        (("card", "number"), True),
        (("keys",), False),
        (("keys", 0), True),
        (("other", "thing"), False),
    ],
)
def test_of_a_path_it_is_known_whether_it_leads_into_a_secret(path, is_secret):
    properties = {
        "open": {"type": "string"},
        "card": {"secret": True},
        "keys": {"items": {"secret": True}},
    }
    assert is_secret_at({"properties": properties}, path) is is_secret
    assert not is_secret_at(None, path)
