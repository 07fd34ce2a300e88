"""Steps that are loops, as files state them."""

from __future__ import annotations

import pytest

from flowworker.core.for_each import ForEach
from flowworker.core.model import Step
from flowworker.definitions import Parser, parse
from flowworker.definitions.writing import to_yaml
from tests.definitions.complaints import problems


def in_file(loop, more=""):
    """The problems of a loop; its mapping begins on line 3, in column 13."""
    return problems(f"name: w\nsteps: [{{id: a, uses: u{more},\n  for_each: {loop}}}]\n")


def only(loop):
    return parse(f"name: w\nsteps: [{{id: a, uses: u, for_each: {loop}}}]\n")


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        ("{items: input.all}", ForEach("input.all")),
        ("{items: '[1, 2]'}", ForEach("[1, 2]")),
        ("{items: [1, '${input.b}', {c: 2}]}", ForEach([1, "${input.b}", {"c": 2}])),
        ("{items: {a: 1}}", ForEach({"a": 1})),
        (
            "{items: input.all, as: one, max_parallel: 3, tolerated_failures: 5%}",
            ForEach("input.all", "one", 3, "5%"),
        ),
        ("{items: input.all, tolerated_failures: 7}", ForEach("input.all", tolerated_failures=7)),
    ],
)
def test_what_a_loop_may_be(loop, said):
    workflow = only(loop)

    assert workflow.steps == (Step("a", "u", for_each=said),)
    Parser().validate(workflow)
    assert parse(to_yaml(workflow)) == workflow


def test_expressions_of_a_loop_see_the_item():
    parse(
        """
        name: w
        steps:
          - id: a
            uses: u
            when: input.all != []
            for_each: {items: input.all, as: one}
            with: {x: "${one.x}", n: "${index + 1}"}
            timeout: "${one.limit}"
            fallback: {uses: v, with: {x: "${one}"}}
            saga: {uses: v, with: {x: "${one}", of: "${steps.a.output}"}}
        """
    )


_MANY = "[" + ", ".join("1" * 10_001) + "]"


@pytest.mark.parametrize(
    ("loop", "problem"),
    [
        (
            "7",
            "3:13: 'for_each' of step 'a': expected a mapping, found 7 (its list stands in "
            "it, as 'items')",
        ),
        ("{}", "3:13: missing 'items' in for_each of step 'a'"),
        (
            "{items: 7}",
            "3:21: 'for_each.items' of step 'a': expected a list or a map, found int",
        ),
        (
            "{items: size(input.all)}",
            "3:21: 'for_each.items' of step 'a': expected a list or a map, found int",
        ),
        (
            f"{{items: {_MANY}}}",
            "3:21: 'items' of for_each of step 'a': a loop has at most 10,000 items, found 10,001",
        ),
        (
            "{items: input.all, as: steps}",
            "3:36: 'as' of for_each of step 'a': 'steps' has a meaning in every expression (choose "
            "another name, such as 'item')",
        ),
        (
            "{items: input.all, as: in}",
            "3:36: 'as' of for_each of step 'a': 'in' is a word of the expression language (choose "
            "another name, such as 'item')",
        ),
        (
            "{items: input.all, max_parallel: 0}",
            "3:46: 'max_parallel' of for_each of step 'a': expected a whole number from 1 to "
            "10000, found 0",
        ),
        (
            "{items: input.all, tolerated_failures: 101%}",
            "3:52: 'tolerated_failures' of for_each of step 'a': expected a number of instances, "
            "or a percentage from 0% to 100%, found '101%'",
        ),
        (
            "{items: input.all, tolerated_failures: -1}",
            "3:52: 'tolerated_failures' of for_each of step 'a': expected a whole number from 0 to "
            "10000, found -1",
        ),
    ],
)
def test_what_a_loop_may_not_be(loop, problem):
    assert in_file(loop) == [f"f.yaml:{problem}"]


def test_the_run_ends_once():
    text = "name: w\nsteps: [{id: a, end: {},\n  for_each: {items: input.all}}]\n"

    assert problems(text) == [
        "f.yaml:3:13: step 'a' has both 'end' and 'for_each' (the run ends once)"
    ]


@pytest.mark.parametrize("word", ["withItems", "foreach", "ForEach", "matrix", "expand"])
def test_words_of_other_systems(word):
    (problem,) = problems(f"name: w\nsteps:\n- {word}: []\n  id: a\n  uses: u\n")

    assert "did you mean 'for_each', with 'items'?" in problem
