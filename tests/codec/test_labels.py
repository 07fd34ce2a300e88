"""The header `Flow-Labels`."""

from __future__ import annotations

import pytest

from flowworker.codec.labels import format_labels, parse_labels
from flowworker.errors import InvalidInput


def test_what_is_written_is_read():
    labels = {"team": "a", "rest": "Köln, 100 % = 1", "zero": "0"}

    text = format_labels(labels)

    assert text == "rest=K%C3%B6ln%2C%20100%20%25%20%3D%201,team=a,zero=0"
    assert parse_labels(text) == labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", {}),
        (" team = a b , tier=c=d", {"team": "a b", "tier": "c=d"}),
        ("team=%c3%bc", {"team": "ü"}),
    ],
)
def test_what_others_may_write(text, labels):
    assert parse_labels(text) == labels


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("team", "expected `name=value,name=value`, found 'team'"),
        ("team=a,", "expected `name=value,name=value`, found ''"),
        ("team=a,team=a", "label team is given twice"),
        ("team=50%", "label team: expected `%` and two hexadecimal digits"),
        ("team=%FF", "label team: expected `%` and two hexadecimal digits for a byte of UTF-8"),
        ("team=", "label team: expected a text"),
        ("=a", "a label's name"),
    ],
)
def test_what_is_no_header(text, problem):
    with pytest.raises(InvalidInput, match=problem):
        parse_labels(text)
