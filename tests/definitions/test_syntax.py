"""Files that are no YAML, or another than was meant: reported in their writer's words."""

from __future__ import annotations

import pytest
import yaml

from flowworker.definitions import loader, parse
from flowworker.errors import DefinitionError

PARSERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]
NAME_RULE = "at most 128 letters, digits, '_' and '-' joined by dots"
COLUMN = "(what belongs together begins in the same column)"


@pytest.fixture(params=PARSERS, ids=lambda parser: parser.__name__, autouse=True)
def _each_parser(request, monkeypatch):
    """libyaml's parser and the one in Python must be equally helpful."""
    monkeypatch.setattr(loader, "_LOADER", request.param)


def problems(text):
    with pytest.raises(DefinitionError) as caught:
        parse(text, "f")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: w\nsteps:\n\t- id: a\n\t\tuses: u\n", "f:3:1: a tab indents line 3 (use spaces)"),
        (
            "name: w\nsteps:\n  - id: a\n  \tuses: u: v\n",
            "f:4:3: a tab indents line 4 (use spaces)",
        ),
        (
            "name: w\nsteps:\n  - id: a\n    depends_on:\n\t- b\n      - c\n",
            "f:5:1: a tab indents line 5 (use spaces)",
        ),
    ],
)
def test_a_tab(text, expected):
    assert problems(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: w\nsteps:\n  - {id: a, uses: u, depends_on: [b,",
            "f:3:37: the file ends here, inside 'depends_on' that begins on line 3",
        ),
        (
            "name: w\nsteps:\n  - {id: a, uses: u}\n  - {id: b, us\n\n\n",
            "f:4:15: the file ends here, inside item 2 of 'steps' that begins on line 4",
        ),
        (
            "name: w\nsteps: [{id: a, uses: u},\n  {id: b,",
            "f:3:10: the file ends here, inside item 2 of 'steps' that begins on line 3",
        ),
        ("name: w\nsteps: [", "f:2:9: the file ends here, inside 'steps' that begins on line 2"),
        ("{name: w,\n", "f:1:10: the file ends here, inside a mapping that begins on line 1"),
        ("[[a,\n", "f:1:5: the file ends here, inside item 1 that begins on line 1"),
        ("{[a", "f:1:4: the file ends here, inside a list that begins on line 1"),
        (
            'name: w\nsteps:\n  - id: "a\n    uses: u\n',
            "f:4:12: the file ends here, inside a text in quotes that begins on line 3",
        ),
        (
            "name: w\nsteps:\n  - id: a\n    us",
            "f:4:7: the file ends here, inside item 1 of 'steps' that begins on line 3",
        ),
        ("%YAML 1.2\n", "f:1:10: the file ends here"),
    ],
)
def test_a_file_that_was_cut_off(text, expected):
    assert problems(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: w\nsteps:\n  - id: a\n    uses: u\n   depends_on:\n      - b\n",
            f"f:5:4: line 5 is indented by 3, line 4 by 4 {COLUMN}",
        ),
        (
            "name: w\nsteps:\n  - id: a\n    depends_on:\n        - b\n# comment\n\n     uses: u\n",
            f"f:8:6: line 8 is indented by 5, line 4 by 4 {COLUMN}",
        ),
        (
            "name: w\nsteps:\n  - id: a\n     uses: u\n",
            f"f:4:10: line 4 is indented by 5, line 3 by 4 {COLUMN}",
        ),
        (
            "  name: w\n  version: 1\n steps: []\n",
            f"f:3:2: line 3 is indented by 1, line 2 by 2 {COLUMN}",
        ),
    ],
)
def test_a_line_that_stands_in_no_column(text, expected):
    assert problems(text)[-1] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: w\nstpes\nsteps:\n  - {id: a, uses: u}\n",
            "f:2:1: no ':' behind the key 'stpes' (a key is written 'key: value')",
        ),
        (
            "name: w\nsteps:\n  - id: a\n  {id: b, uses: u}\n",
            "f:4:3: no ':' behind the key '{id: b, uses: u}' (a key is written 'key: value')",
        ),
        (
            "name: w\nsteps:\n  - id a\n    uses: u\n",
            "f:4:9: a key in the middle of a text (is a ':' missing on line 3?)",
        ),
        (
            "name: w: x\n",
            "f:1:8: a second ': ' in one value (put a text that has one in quotes)",
        ),
        (
            "name: w\nsteps: @all\n",
            "f:2:8: no value begins with '@' (put a text that does in quotes)",
        ),
        ("name: 'w' x\nsteps: []\n", None),
        ("name: w\nsteps: ]\n", None),
    ],
)
def test_other_mistakes(text, expected):
    *_, problem = problems(text)
    if expected:
        assert problem == expected
    else:  # the parser's own words
        assert ": not YAML: " in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: w\nsteps:\n  - id: a\n    uses: u\n      - b\n      - c\n",
            f"f:4:11: 'uses' of step 'a': expected {NAME_RULE}, found 'u - b - c' (it goes on "
            "until line 6, for line 4 is indented by 4 and line 5 by 6; is a key missing between "
            "them?)",
        ),
        (
            "name: w\nsteps:\n  - id: a\n    uses: u\n    depends_on:\n  - b\n\n      - c\n",
            "f:6:5: step 2: expected a mapping, found 'b\\n- c' (it goes on until line 8, for line "
            "6 is indented by 2 and line 8 by 6; is a key missing between them?)",
        ),
    ],
)
def test_a_text_that_goes_on_over_what_was_meant_as_something_else(text, expected):
    assert problems(text) == [expected]


def test_a_tab_before_what_a_text_goes_on_with():
    # One of the parsers takes it for a blank
    (problem,) = problems("name: w\nsteps:\n  - id: a\n    uses: u\n      \t- b\n")
    assert "a tab indents line 5" in problem
    assert "use spaces" in problem


def test_lines_are_counted_as_yaml_counts_them():
    assert problems("name: w\rsteps: [\r\n") == [
        "f:2:9: the file ends here, inside 'steps' that begins on line 2"
    ]
    assert problems("name: w\r\rsteps: \0") == ["f:3:8: character '\\x00' is not allowed in YAML"]
