"""What the key of a limit comes to: equal values are one key, all others are several."""

from __future__ import annotations

import pytest

from flowworker.errors import InvalidInput
from flowworker.evaluation.keys import key_of


def test_equal_numbers_are_one_key():
    assert key_of(7) == key_of(7.0) == "7"
    assert key_of(0) == key_of(-0.0) == "0"
    assert key_of(10**16) == key_of(1e16) == "10000000000000000"


def test_whatever_is_not_equal_is_another_key():
    values = ["", " ", "1", 1, 1.5, "true", True, "null", "ü.b c/*>", "u\u0308", 2**53 + 1, 2**53]
    assert len({key_of(value) for value in values}) == len(values)


@pytest.mark.parametrize("value", [None, [], {}, ["a"]])
def test_what_is_no_key_is_refused(value):
    with pytest.raises(InvalidInput, match="expected a text, a number, true or false, found "):
        key_of(value)
