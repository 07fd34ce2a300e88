"""The pages of the documentation, and how their parts are found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = ROOT / "docs" / "reference"

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


INLINE = re.compile(r"`([^`\n]+)`")


def named(path):
    return str(path.relative_to(ROOT))


def prose(path):
    """A page without its code blocks."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def blocks(language):
    """Every code block in that language, with an id that says where it stands."""
    found = []
    for path in PAGES:
        for match in FENCE.finditer(text := path.read_text(encoding="utf-8")):
            if match[2] == language:
                line = text.count("\n", 0, match.start()) + 1
                found.append(pytest.param(match[3], id=f"{named(path)}:{line}"))
    return found


def table(page, heading):
    """The rows of the first table below a heading, as texts by column."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    _, found, below = text.rpartition(f"# {heading}\n")
    assert found, f"{page} has no heading {heading!r}"
    section = re.split(r"^#+ ", below, flags=re.MULTILINE)[0]
    lines = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert lines, f"{page}, {heading!r}: no table"
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines[0].splitlines()]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def words(cell):
    """What stands between backticks."""
    return INLINE.findall(cell)


def column(rows, name):
    return [words(row[name])[0] for row in rows]
