"""What can be a label."""

from __future__ import annotations

import pytest

from flowworker.core.labels import MAX_LABEL_VALUE, MAX_LABELS, check_labels
from flowworker.errors import InvalidInput


def test_labels_are_sorted_by_name():
    most = {f"n{number:02}": "x" for number in range(MAX_LABELS)}

    assert [*check_labels({"b": "1", "A.b-c_9": "Köln, 2 = 1+1"})] == ["A.b-c_9", "b"]
    assert check_labels(dict(reversed(most.items()))) == most
    assert check_labels({"n" * 63: "x" * MAX_LABEL_VALUE})


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ({f"n{number}": "x" for number in range(MAX_LABELS + 1)}, "expected at most 16 labels"),
        ({"": "x"}, "a label's name of 1 to 63 letters.*, found ''"),
        ({"n" * 64: "x"}, "a label's name of 1 to 63"),
        ({"a b": "x"}, "a label's name.*found 'a b'"),
        ({"a": ""}, "label a: expected a text of 1 to 256 printable.*found ''"),
        ({"a": "x" * (MAX_LABEL_VALUE + 1)}, "label a: expected a text"),
        ({"a": "one\ntwo"}, "label a: expected a text"),
        ({"a": 'a "b"'}, "label a: expected a text"),
        ({"a": 7}, "label a: expected a text.*found 7"),
    ],
)
def test_what_can_be_no_label(labels, problem):
    with pytest.raises(InvalidInput, match=problem):
        check_labels(labels)
