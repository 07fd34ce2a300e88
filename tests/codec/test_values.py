"""What users put into JSON is what others read, or it is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from types import SimpleNamespace

import msgspec
import pytest

from flowworker.codec.values import _fields, encode_value


@dataclass
class Quote:
    rate: float
    note: str | None = None


class Record(msgspec.Struct):
    rates: list[float]


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ({"rate": 1.5, "none": None}, b'{"rate":1.5,"none":null}'),
        ({1: "a", "2": "b"}, b'{"1":"a","2":"b"}'),
        (Quote(1.0), b'{"rate":1.0,"note":null}'),
        ([None, 2**70], b"[null,1180591620717411303424]"),
        (None, b"null"),
        ({"null": {"a": (None, {1})}}, b'{"null":{"a":[null,[1]]}}'),
    ],
)
def test_what_json_can_say_is_said(value, raw):
    assert encode_value(value) == raw


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"rate": math.nan}, "rate: JSON has no nan"),
        ({"items": [{"rate": 1.0}, {"rate": math.inf}]}, "items[1].rate: JSON has no inf"),
        (-math.inf, "the value: JSON has no -inf"),
        ((1.0, math.nan), "[1]: JSON has no nan"),
        ({"quote": Quote(math.nan)}, "quote.rate: JSON has no nan"),
        (Record([1.0, math.nan]), "rates[1]: JSON has no nan"),
        ({1: "a", "1": "b"}, "1: two keys have this text, 1 and '1'"),
        ({"a": {"red": 1, Colour.RED: 2}}, "a.red: two keys have this text, 'red' and <Colour"),
    ],
)
def test_what_would_become_something_else_is_refused(value, problem):
    with pytest.raises(ValueError, match=r"\S") as caught:
        encode_value(value)

    assert str(caught.value).startswith(problem)


def test_attrs_classes_have_fields_too():
    class Attrs:
        __attrs_attrs__ = (SimpleNamespace(name="rate"),)

    assert _fields(Attrs()) == ("rate",)
