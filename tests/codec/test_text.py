"""What others wrote does not steer a terminal."""

from __future__ import annotations

import pytest

from flowworker.codec.text import escaped, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is: äß→😀", "as it is: äß→😀"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("bell\x07 delete\x7f", r"bell\x07 delete\x7f"),
        ("\x9b31mred", r"\x9b31mred"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udc80", r"\udc80"),
        ("\U000e0041", r"\U000e0041"),
        ("a\nb\tc", r"a\nb\tc"),
    ],
)
def test_what_is_not_to_be_seen_is_escaped(text, shown):
    assert escaped(text) == shown


def test_some_characters_may_be_kept():
    assert escaped("a\n\tb\r\x1b", keep="\n\t") == "a\n\tb\\r\\x1b"


def test_one_line_is_one_line():
    assert one_line("a\n b\r\nc\x85d\u2028e\x1b") == "a  b  c d e\\x1b"
