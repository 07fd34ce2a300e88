"""What a step is given: the run's input and its ancestors' outputs, merged."""

from __future__ import annotations

import pytest

from flowworker.codec.inputs import merged


@pytest.mark.parametrize(
    ("base", "outputs", "result"),
    [
        ({"n": 1}, [], {"n": 1}),
        ({"n": 1}, [("a", {"n": 2, "m": 3})], {"n": 2, "m": 3, "a": {"n": 2, "m": 3}}),
        # The later in topological order prevails
        ({}, [("a", {"n": 1}), ("b", {"n": 2})], {"n": 2, "a": {"n": 1}, "b": {"n": 2}}),
        # A whole output prevails over a key of that name in any output
        ({}, [("a", 1), ("b", {"a": 2})], {"a": 1, "b": {"a": 2}}),
        # Only objects have keys to merge
        ([1, 2], [("a", "text"), ("b", None)], {"a": "text", "b": None}),
        # No output takes the place of what is reserved
        ({"input": 5}, [("a", {"input": 1})], {"a": {"input": 1}}),
        ({}, [("a", {"_workflow_id": "r2"})], {"a": {"_workflow_id": "r2"}}),
    ],
)
def test_the_merged_map(base, outputs, result):
    assert merged("r1", base, outputs) == {**result, "input": base, "_workflow_id": "r1"}


def test_nothing_that_was_given_is_changed():
    base, output = {"n": 1}, {"n": 2}

    merged("r1", base, [("a", output)])

    assert (base, output) == ({"n": 1}, {"n": 2})
