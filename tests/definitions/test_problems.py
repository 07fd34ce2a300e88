"""Whole documents: every rule, with the exact place and words of what breaks it."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowworker.definitions import content_hash, parse
from flowworker.definitions.document import MAX_STEPS, StepDocument, WorkflowDocument
from flowworker.definitions.problems import MAX_PROBLEMS, Report
from flowworker.definitions.tree import Mark
from flowworker.errors import DefinitionError, Problem
from tests.definitions.complaints import DURATION_RULE, NAME_RULE, problems
from tests.definitions.strategies import json_values, names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["f.yaml: no workflow is defined here"]),
        ("# nothing\n---\n---\n", ["f.yaml: no workflow is defined here"]),
        ("- a\n", ["f.yaml:1:1: expected a mapping with 'name' and 'steps', found a list"]),
        ("hello\n", ["f.yaml:1:1: expected a mapping with 'name' and 'steps', found 'hello'"]),
        (
            "version: 1\n",
            [
                "f.yaml:1:1: missing 'name' in the workflow",
                "f.yaml:1:1: missing 'steps' in the workflow",
            ],
        ),
        (
            "name:\nversion: 1\nsteps:\n",
            [
                "f.yaml:1:1: 'name' of the workflow is empty: expected a name",
                "f.yaml:3:1: 'steps' of the workflow is empty: expected a list of steps",
            ],
        ),
        ("name: w\nsteps: []\n", ["f.yaml:2:8: a workflow has 1 to 10,000 steps, found 0"]),
        (
            "name: w\nsteps: {a: b}\n",
            [
                "f.yaml:2:8: 'steps' of the workflow: expected a list of steps, found a mapping "
                "(a step begins with '- id:')"
            ],
        ),
        (
            "name: w\nsteps:\n  a: {uses: b}\n",
            [
                "f.yaml:2:1: 'steps' of the workflow: expected a list of steps, found a mapping "
                "(a step begins with '- id:')"
            ],
        ),
        (
            "name: w\nsteps: all\n",
            ["f.yaml:2:8: 'steps' of the workflow: expected a list of steps, found 'all'"],
        ),
        (
            "name: w\nsteps: [a, {id: b, uses: u}, [c]]\n",
            [
                "f.yaml:2:9: step 1: expected a mapping, found 'a'",
                "f.yaml:2:30: step 3: expected a mapping, found a list",
            ],
        ),
        (
            "name: w\nsteps:\n  - depends_on: b\n  - {id: b}\n",
            [
                "f.yaml:3:5: missing 'id' in step 1",
                "f.yaml:3:5: missing 'uses' in step 1",
                "f.yaml:4:5: missing 'uses' in step 'b'",
            ],
        ),
        (
            "name: v\nsteps: [{id: a, uses: u}]\n---\nname: w\nsteps: [{id: a, uses: u}]\n",
            ["f.yaml:4:7: expected one workflow, found 2 (parse_all reads several)"],
        ),
    ],
)
def test_whole_documents(text, expected):
    assert problems(text) == expected


@pytest.mark.slow
def test_the_number_of_steps_is_bounded():
    steps = "".join(f"- {{id: s{i}, uses: u}}\n" for i in range(MAX_STEPS + 1))
    assert problems(f"name: w\nsteps:\n{steps}") == [
        "f.yaml:3:1: a workflow has 1 to 10,000 steps, found 10,001"
    ]


def test_everything_is_reported_at_once():
    text = """\
nmae: w
timeout: never
steps:
  - id: ship
    depend_on: [charge]
  - id: charge
    uses: payments charge
    uses: payments.charge
    depends_on: [reserve, charge]
    retry: {max_attempts: many}
  - id: ship
    uses: !!python/name:os.system x
"""
    assert problems(text) == [
        "f.yaml:1:1: unknown key 'nmae' in the workflow (did you mean 'name'?)",
        "f.yaml:1:1: missing 'name' in the workflow",
        f"f.yaml:2:10: 'timeout' of the workflow: expected {DURATION_RULE}, found 'never'",
        "f.yaml:4:5: missing 'uses' in step 'ship'",
        "f.yaml:5:5: unknown key 'depend_on' in step 'ship' (did you mean 'depends_on'?)",
        f"f.yaml:7:11: 'uses' of step 'charge': expected {NAME_RULE}, found 'payments charge'",
        "f.yaml:8:5: duplicate key 'uses' (the first is on line 7)",
        "f.yaml:9:18: step 'charge' depends on unknown step 'reserve'",
        "f.yaml:9:27: step 'charge' depends on itself",
        "f.yaml:10:27: 'max_attempts' of retry of step 'charge': expected a whole number from 1 to "
        "1000, found 'many'",
        "f.yaml:11:9: duplicate step id 'ship' (the first is on line 4)",
        "f.yaml:12:11: tag '!!python/name:os.system' is not supported (definitions hold text, "
        "numbers, true, false, null, lists and mappings)",
    ]


def test_what_an_alias_repeats_is_reported_once():
    text = """
name: w
steps:
  - {id: a, uses: u, retry: &retry {intervall: 1s}}
  - {id: b, uses: u, retry: *retry}
  - &c {id: c, uses: u, queue: a b}
  - *c
"""
    # The titles differ, so the shared retry is reported for both steps.
    assert [problem.partition(": ")[0] for problem in problems(text)] == [
        "f.yaml:4:37",
        "f.yaml:4:37",
        "f.yaml:6:13",
        "f.yaml:6:32",
    ]


def test_a_hundred_problems_are_reported():
    lines = "".join(f"x{i}: 1\n" for i in range(150))
    with pytest.raises(DefinitionError) as caught:
        parse(lines, "f.yaml")
    assert caught.value.has_more
    assert len(caught.value.problems) == MAX_PROBLEMS
    assert str(caught.value).endswith("\nand more")


def test_documents_behind_a_hundred_problems_are_not_judged():
    with pytest.raises(DefinitionError) as caught:
        parse("--- 1\n" * 10_000, "f.yaml")
    assert caught.value.has_more
    assert caught.value.problems[-1].line == MAX_PROBLEMS


def test_exactly_a_hundred_problems_are_all_there_are():
    report = Report("f.yaml")
    for _ in range(2):  # what an alias repeats is no further problem
        for line in range(MAX_PROBLEMS):
            report.add(Mark(line, 1), "message")
    assert not report.is_full
    # When there is one more
    report.add(Mark(MAX_PROBLEMS, 1), "message")
    # Then it is not reported, and no words are compared any more
    assert report.is_full
    assert len(report.problems) == MAX_PROBLEMS
    assert report.nearest("nam", ["name"]) == ""


def test_a_problem_without_a_place_names_its_source_alone():
    assert str(Problem("message", "f.yaml", hint="hint")) == "f.yaml: message (hint)"


def test_similar_names_are_sought_within_bounds():
    # Given a source with a very large number of names
    report = Report("f.yaml")
    known = [f"name{i}" for i in range(40_000)]
    # When similar ones are asked for again and again
    report.add(Mark(1, 1), "one", report.nearest("name7x", known[:10]))
    for _ in range(2):
        report.nearest("zzz", known)
    # Then the search stops before it takes minutes
    assert report.nearest("name7", known) == ""
    assert str(report.problems[0]) == "f.yaml:1:1: one (did you mean 'name7'?)"


_odd_steps = st.lists(
    st.dictionaries(st.sampled_from(StepDocument.__struct_fields__), json_values | names)
    | json_values
)
_odd_documents = st.builds(
    lambda document, steps: {**document, "steps": steps},
    st.dictionaries(st.sampled_from(WorkflowDocument.__struct_fields__), json_values | names),
    _odd_steps,
)


@pytest.mark.slow
@given(_odd_documents.map(json.dumps) | st.text() | st.binary())
@settings(deadline=None)
def test_whatever_is_read_nothing_else_is_raised(text):
    with suppress(DefinitionError):
        content_hash(parse(text))
