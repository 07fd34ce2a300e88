"""Steps that are repeated, as a document states them."""

from __future__ import annotations

import pytest

from flowworker.core.repetition import Repeat
from flowworker.definitions import parse
from flowworker.definitions.writing import to_yaml
from tests.definitions.complaints import in_step


def repeat_of(text):
    return parse(f"name: w\nsteps: [{{id: a, uses: u, repeat: {text}}}]\n").steps[0].repeat


def test_what_is_stated():
    assert repeat_of("{until: output.done}") == Repeat("output.done")
    assert repeat_of("{until: output.done, interval: 0}") == Repeat("output.done", 0.0)
    assert repeat_of("{until: iterations == 3, interval: 10s, max: 7}") == Repeat(
        "iterations == 3", 10.0, 7
    )
    assert repeat_of("{until: output.a, interval: '${input.i}'}") == Repeat(
        "output.a", "${input.i}"
    )


def test_it_is_written_as_it_was_read():
    text = "name: w\nsteps: [{id: a, uses: u, repeat: {until: output.ok, interval: 1m, max: 7}}]\n"

    assert parse(to_yaml(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("repeat", "problem"),
    [
        ("{interval: 1s}", "3:11: missing 'until' in repeat of step 'a'"),
        (
            "{until: }",
            "3:12: 'until' of repeat of step 'a' is empty: expected an expression over "
            "'output', such as output.done",
        ),
        (
            "{until: out.ok}",
            "3:19: 'repeat.until' of step 'a': nothing is called 'out' (did you mean 'output'?)",
        ),
        (
            "{until: '${output.ok}'}",
            "3:19: 'repeat.until' of step 'a': expected an expression (an expression stands here "
            "as it is, without ${ and })",
        ),
        ("{until: 1 + 1}", "3:19: 'repeat.until' of step 'a': expected true or false, found int"),
        (
            "{until: output.ok, max: 0}",
            "3:35: 'max' of repeat of step 'a': expected a whole number from 1 to 10000, found 0",
        ),
        (
            "{until: output.ok, max: 10001}",
            "3:35: 'max' of repeat of step 'a': expected a whole number from 1 to 10000, found "
            "10001",
        ),
        (
            "{until: output.ok, interval: often}",
            "3:40: 'interval' of repeat of step 'a': expected a duration such as 500ms, 30s or "
            "1h30m, found 'often'",
        ),
        (
            "output.ok",
            "3:11: 'repeat' of step 'a': expected a mapping, found 'output.ok' (its condition "
            "stands in it, as 'until')",
        ),
    ],
)
def test_what_is_wrong(repeat, problem):
    assert in_step(f"repeat: {repeat}") == [f"f.yaml:{problem}"]


def test_only_steps_with_a_handler_are_repeated():
    with pytest.raises(Exception, match="'repeat' of step 'a' is about a handler, and it has none"):
        parse("name: w\nsteps: [{id: a, sleep: 1s, repeat: {until: output.ok}}]\n")
