"""Text in lines of a width: broken between words, and ids, whatever they are of, in none.

A character of East Asia takes two columns, and a combining one none.
"""

from __future__ import annotations

__all__ = ["columns_of", "longest_id", "wrapped"]

import re
import unicodedata

_ID = re.compile(r"\w[-./]\w|[_0-9]")
"""What is in ids, and in few other words."""


def columns_of(text: str) -> int:
    """Columns that it takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF")
        for one in text
    )


def longest_id(text: str, most: int) -> int:
    """Columns of the longest word in it that may be an id and takes no more than `most`; or 0."""
    sizes = (columns_of(word) for word in text.split() if _ID.search(word))
    return max((size for size in sizes if size <= most), default=0)


def wrapped(text: str, width: int, indent: str = "", further: str = "") -> list[str]:
    """Its lines; a word that is wider than one has a line of its own, and is as wide as it is.

    Args:
        text: one line.
        width: columns of a line, with what it begins with.
        indent: what the first line begins with.
        further: what all others begin with.
    """
    lines, line = [], indent
    is_empty = True
    for word in text.split():
        if not is_empty and columns_of(line) + 1 + columns_of(word) > width:
            lines.append(line)
            line, is_empty = further, True
        line += word if is_empty else f" {word}"
        is_empty = False
    return lines if is_empty else [*lines, line]
