"""The glossary: in alphabetical order, each word once, and each name in it exists."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "glossary.md"
ROW = re.compile(r"^\| \*\*(.+?)\*\* \| (.+) \| (.*) ?\|$", re.MULTILINE)

ROWS = [
    (word, text, re.findall(r"`([^`]+)`", code))
    for word, text, code in ROW.findall(PAGE.read_text("utf-8"))
]


def resolved(name: str) -> object:
    """A module of the package, or what stands in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = import_module(".".join(["flowworker", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise LookupError(name)


def test_words_are_in_alphabetical_order_and_explained_once():
    words = [word.lower() for word, _, _ in ROWS]

    assert words == sorted(set(words))


@pytest.mark.parametrize("name", sorted({name for _, _, names in ROWS for name in names}))
def test_a_name_in_the_glossary_exists(name):
    resolved(name)


@pytest.mark.parametrize("name", ["core.attempt.Turn", "core.outdated", "nowhere"])
def test_a_name_that_does_not_exist_is_found(name):
    with pytest.raises((AttributeError, LookupError)):
        resolved(name)


def test_each_row_is_read():
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| **")]

    assert len(rows) == len(ROWS)


def test_each_explanation_is_a_sentence_or_two():
    for word, text, _ in ROWS:
        assert text.endswith("."), word
        assert len(text) <= 240, word


RETIRED = {
    "told": "published, notified, reported",
    "untold": "unpublished",
    "news": "event, notification, heartbeat",
    "whoever": "the process, client or user that ...",
    "patience": "retry budget, timeout, limit",
    "hearing": "liveness, subscription",
    "under way": "in flight, active",
    "in hand": "in flight, delivered",
    "the outside": "the server",
    "surroundings": "resources",
    "outdated": "stale",
    "the seed's": "the Go package's",
}
"""Words that gave way to those of the glossary, and to which."""


def retired(text: str) -> set[str]:
    """Those that occur, in prose or in a name such as `in_hand`, also across a line's end."""
    plain = re.sub(r"[\W_]+", " ", text.lower().replace("'", ""))
    return {
        word
        for word in RETIRED
        if re.search(rf"\b{re.sub(chr(39), '', word)}\b", plain) is not None
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# whoever asks is\n# told", {"whoever", "told"}),
        ("self._in_hand += 1", {"in hand"}),
        ('"""What is under\n    way."""', {"under way"}),
        ("stolen, newsletter, the other hand, outside of it, a seed", set()),
    ],
)
def test_a_retired_word_is_found(text, found):
    assert retired(text) == found


@pytest.mark.parametrize(
    "room", ["flowworker", "simulation", "tests", "integration", "bench", "examples"]
)
def test_retired_words_do_not_come_back(room):
    folder = PAGE.parents[2] / room
    found = {
        str(path.relative_to(folder)): words
        for path in sorted(folder.rglob("*.py"))
        if path != Path(__file__) and (words := retired(path.read_text("utf-8")))
    }

    assert found == {}
