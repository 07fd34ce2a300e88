"""Text in lines, on a terminal."""

from __future__ import annotations

import pytest

from flowworker.cli.wrapping import columns_of, longest_id, wrapped

ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("one two", ["- one two"]),
        ("one two three four", ["- one two", "  three four"]),
        (f"run {ID} waits", ["- run", f"  {ID}", "  waits"]),
        (f"{ID} waits", [f"- {ID}", "  waits"]),
        ("東京 東京 東京", ["- 東京 東京", "  東京"]),
    ],
)
def test_lines_are_broken_between_words(text, lines):
    assert wrapped(text, 12, "- ", "  ") == lines


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("nothing that is-, or was: an id.", 0),
        ("step 'charge' waits for order-7", 7),
        ("a.b is longer than x/y", 3),
        (f"run {ID} of order-7", 7),
        ("some_name", 9),
    ],
)
def test_the_longest_id_that_has_room(text, columns):
    assert longest_id(text, 30) == columns


def test_columns_of_characters():
    assert [columns_of(text) for text in ("abc", "東京", "u\u0308")] == [3, 4, 1]
