"""YAML to trees: values, places, and texts that mean harm."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flowworker.definitions import loader
from flowworker.definitions.composer import MAX_NODES
from flowworker.definitions.document import MAX_BYTES
from flowworker.definitions.problems import MAX_PROBLEMS, Report
from flowworker.definitions.tree import MAX_DEPTH, MappingNode, Mark, node_at, plain

PARSERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]


@pytest.fixture(params=PARSERS, ids=lambda parser: parser.__name__)
def _each_parser(request, monkeypatch):
    """libyaml's parser and the one in Python must be equally safe."""
    monkeypatch.setattr(loader, "_LOADER", request.param)


pytestmark = pytest.mark.usefixtures("_each_parser")


def load(text):
    """The documents of a text as JSON values, and its problems."""
    report = Report("f")
    documents = [plain(document) for document in loader.load(text, report)]
    return documents, [str(problem) for problem in report.problems]


def value(text):
    documents, problems = load(text)
    assert problems == []
    assert len(documents) == 1
    return documents[0]


def problems(text):
    return load(text)[1]


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        ("text", "text"),
        ("1", 1),
        ("-7", -7),
        ("+7", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("010", 10),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        # YAML 1.1 would make these a boolean, a number in base 60, a date and a number.
        ("no", "no"),
        ("1:30", "1:30"),
        ("2026-01-02", "2026-01-02"),
        ("1_000", "1_000"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("! 1", "1"),
        ("!!str 1", "1"),
        ("!!int 1", 1),
        ("!!float 1", 1),
        ("!!bool true", True),
        ("!!null null", None),
        ("!!map {}", {}),
        ("!!seq []", []),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_scalars_follow_yaml_1_2(scalar, expected):
    found = value(f"key: {scalar}")["key"]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("scalar", "reason"),
    [
        (".inf", "JSON has no such number"),
        ("-.INF", "JSON has no such number"),
        (".nan", "JSON has no such number"),
        ("1e999", "a number is at most 1.8e308"),
        ("18446744073709551616", "an integer has at most 64 bits"),
        ("-9223372036854775809", "an integer has at most 64 bits"),
        ("9" * 5000, "a number has at most 64 characters"),
        ("0x" + "f" * 5000, "a number has at most 64 characters"),
    ],
)
def test_numbers_that_messages_cannot_carry_are_refused(scalar, reason):
    assert problems(f"key: {scalar}") == [
        f"f:1:6: {scalar[:80] + '...' * (len(scalar) > 80)!r} cannot be read: {reason} "
        "(if it is meant as text, put it in quotes)"
    ]


def test_everything_knows_its_place():
    report = Report("f")
    (tree,) = loader.load("# comment\nsteps:\n  - id: é\n    uses: [a, b]\n", report)

    assert isinstance(tree, MappingNode)
    assert tree.mark == Mark(2, 1)
    assert tree.entries["steps"].key_mark == Mark(2, 1)
    assert node_at(tree, ["steps", 0]).mark == Mark(3, 5)
    assert node_at(tree, ["steps", 0, "id"]).mark == Mark(3, 9)
    assert node_at(tree, ["steps", 0, "uses", 1]).mark == Mark(4, 15)
    # ... and where a path ends too early, the last that exists
    assert node_at(tree, ["steps", 0, "saga", "uses"]).mark == Mark(3, 5)
    assert node_at(tree, ["steps", 7]).mark == Mark(3, 3)


def test_a_file_may_hold_several_documents():
    assert load("a: &x 1\n---\nb: 2\n...\n---\n[]\n") == ([{"a": 1}, {"b": 2}, []], [])


def test_documents_before_a_syntax_error_are_read():
    documents, found = load("a: 1\n---\nb: {\n")
    assert documents == [{"a": 1}]
    assert len(found) == 1


def test_an_anchor_ends_with_its_document():
    assert problems("a: &x 1\n---\nb: *x\n") == [
        "f:3:4: alias 'x' stands for nothing: there is no such anchor"
    ]


def test_json_is_read():
    document = {"a": [1, -2.5, 1e300, True, False, None, "x\n\u00e9"], "b": {"c": {}}, "d": []}
    assert value(json.dumps(document)) == document
    assert value(json.dumps(document, indent=2, ensure_ascii=False).encode()) == document


def test_pairs_of_surrogates_are_one_character_in_json():
    document = {"\U0001f600": ["\U0001f389\U0001f389", "\\\U0001f389", "\\ud83c\\udf89"]}
    text = json.dumps(document)
    assert "\\ud83c\\udf89" in text
    assert value(text) == document


@pytest.mark.parametrize("text", ["- '\\ud83c\\udf89'", "[" * 100_000 + r'"\ud83c\udf89"'])
def test_what_is_not_json_keeps_them_as_they_are(text):
    documents, problems = load(text)
    assert documents == [["\\ud83c\\udf89"]] or "nested too deeply" in problems[0]


def test_a_byte_order_mark_is_skipped():
    assert value("\ufeffa: 1".encode()) == {"a": 1}


def test_merge_keys_inherit_what_is_not_stated():
    text = """
base: &base {queue: slow, timeout: 1s}
more: &more {timeout: 2s, uses: x}
one: {<<: *base, timeout: 5s}
two: {timeout: 5s, <<: [*base, *more]}
"""
    found = value(text)
    assert found["one"] == {"queue": "slow", "timeout": "5s"}
    assert found["two"] == {"queue": "slow", "timeout": "5s", "uses": "x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ["f:3:1: duplicate key 'a' (the first is on line 1)"]),
        ("1: a\n", ["f:1:1: a key must be text, found 1 (put it in quotes)"]),
        ("~: a\n", ["f:1:1: a key must be text, found nothing (put it in quotes)"]),
        ("{{a: b}: c}\n", ["f:1:2: a key must be text, found a mapping"]),
        ("[a]: c\n", ["f:1:1: a key must be text, found a list"]),
        (
            "a: !!python/object/apply:os.system [x]\n",
            [
                "f:1:4: tag '!!python/object/apply:os.system' is not supported (definitions hold "
                "text, numbers, true, false, null, lists and mappings)"
            ],
        ),
        (
            "a: !!binary aGk=\nb: !mine {c: d}\n",
            [
                f"f:{line}:4: tag '{tag}' is not supported (definitions hold "
                "text, numbers, true, false, null, lists and mappings)"
                for line, tag in ((1, "!!binary"), (2, "!mine"))
            ],
        ),
        ("a: !!int x\n", ["f:1:4: 'x' is tagged '!!int', but is none"]),
        (
            "a: {<<: 5}\n",
            ["f:1:9: '<<' merges mappings, found 5 ('<<: *name' refers to '&name {...}')"],
        ),
        ("a: *b\n", ["f:1:4: alias 'b' stands for nothing: there is no such anchor"]),
        ("a: &a [x, *a]\n", ["f:1:11: alias 'a' stands for something that contains it"]),
        ("&a {b: {c: *a}}\n", ["f:1:12: alias 'a' stands for something that contains it"]),
        ("a: x\n\0b: y\n", ["f:2:1: character '\\x00' is not allowed in YAML"]),
        ("a: \x1b[31m\n", ["f:1:4: character '\\x1b' is not allowed in YAML"]),
        ("a: \ud83d\n".encode(errors="surrogatepass"), ["f:1:4: not UTF-8: byte 0xed"]),
        (b"a: x\nb: \xff\n", ["f:2:4: not UTF-8: byte 0xff"]),
        ("a: x".encode("utf-16"), ["f:1:1: not UTF-8: byte 0xff"]),
    ],
)
def test_what_is_wrong_is_reported_with_its_place(text, expected):
    assert problems(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [b\nc: d", 2, 2),
        ("%YAML 3.0\n---\na: b", 1, 1),
        ("a: !x!y b", 1, 4),
    ],
)
def test_a_syntax_error_is_one_problem(text, line, column):
    (problem,) = problems(text)
    assert problem.startswith(f"f:{line}:{column}: not YAML: ")
    assert "\n" not in problem


@pytest.mark.parametrize("escape", [r"\ud83d", r"\ud83d\ude00", r"\U00110000", r"\uzzzz"])
def test_escapes_that_are_no_characters_are_refused(escape):
    (problem,) = problems(f'a: "{escape}"')
    assert problem.startswith("f")


class TestHostileText:
    """Each of these is refused at once, for little memory, with one problem."""

    def test_so_many_problems_that_reading_ends(self):
        # The document is not read to its end: nobody would see what is wrong there
        documents, found = load("".join(f"{i}: a\n" for i in range(10_000)))
        assert documents == []
        assert len(found) == MAX_PROBLEMS

    @pytest.mark.slow  # as many values as are read at most, by the parser that is pure Python
    def test_laughs_of_one_long_text(self):
        text = f"- &a {'x' * 1000}\n" + "- *a\n" * (MAX_NODES // 11)
        (problem,) = problems(text)
        assert "too large" in problem

    def test_billion_laughs(self):
        lines = ["a0: &a0 [lol]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
        (problem,) = problems("\n".join(lines))
        assert f"too large: more than {MAX_NODES:,} values, aliases written out" in problem

    def test_laughs_in_merge_keys(self):
        base = "&a {" + ", ".join(f"k{i}: 1" for i in range(1000)) + "}"
        (problem,) = problems(f"[{base}{', {<<: *a}' * 1000}]")
        assert "too large" in problem

    @pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: "])
    def test_deep_nesting(self, opening):
        (problem,) = problems(opening * 100_000)
        assert problem.endswith(f"nested too deeply: more than {MAX_DEPTH} levels")

    def test_nesting_hidden_in_aliases(self):
        lines = ["a0: &a0 []"]
        lines += [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 1000)]
        (problem,) = problems("\n".join(lines))
        assert problem == f"f:{MAX_DEPTH}:12: nested too deeply: more than {MAX_DEPTH} levels"

    def test_the_deepest_nesting_that_is_read(self):
        assert value("[" * MAX_DEPTH + "]" * MAX_DEPTH)

    @pytest.mark.parametrize("text", ["a" * 2 * MAX_BYTES, b"\xff" * 2 * MAX_BYTES])
    def test_too_many_bytes(self, text):
        assert problems(text) == [f"f: too large: more than {MAX_BYTES:,} bytes"]

    def test_characters_are_counted_in_bytes(self):
        assert problems("é" * (MAX_BYTES // 2 + 1)) == [
            f"f: too large: more than {MAX_BYTES:,} bytes"
        ]

    @given(st.binary(max_size=200))
    @settings(deadline=None)
    def test_random_bytes(self, text):
        load(text)

    @given(st.text(st.sampled_from("ab1:-?*&!|>'\"%@`{}[],#<=~ \n\t\\.0x"), max_size=60))
    @settings(deadline=None)
    def test_random_yaml(self, text):
        load(text)
