"""Tables: columns on a terminal, as many as fit; plain lines elsewhere.

A table has an id in its first column and free text in its last. On a terminal that is too narrow,
the last column is folded, down to a width at which it can be read well; then columns are left out,
in the order of `GIVE_WAY`; then the last column becomes narrower still. Ids, names and states stay,
and are never broken: if they do not fit beside the text, each row has its id on a line of its own,
and the rest below it. A character of East Asia takes two columns, and a combining one none.
"""

from __future__ import annotations

__all__ = ["GIVE_WAY", "plain", "print_table", "state", "table"]

import sys
import unicodedata
from typing import TYPE_CHECKING

import click

from flowworker.codec.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

GIVE_WAY = ("TOOK", "UP", "WORKER", "STARTED", "CREATED", "ENDED", "SEEN", "NEXT", "ATTEMPT")
"""Titles of the columns that are left out where there is no room, the first one first. `--json` has
them all."""

_READABLE, _LEAST = 24, 10
"""Characters in a line of the last column for which others give way, and at least."""

_BETWEEN = 3
"""Spaces between two columns."""

_COLOURS = {
    "COMPLETED": "green",
    "COMPENSATED": "green",
    "RUNNING": "cyan",
    "RETRYING": "yellow",
    "REPEATING": "cyan",
    "FALLBACK": "yellow",
    "WAITING_HUMAN": "magenta",
    "COMPENSATING": "yellow",
    "FAILED": "red",
    "CANCELLED": "red",
    "PENDING": "bright_black",
    "SKIPPED": "bright_black",
}

Rows = list[list[str]]


def plain(text: str) -> str:
    """One line, with the control characters in what others wrote escaped."""
    return one_line(text)


def state(text: str) -> str:
    """A state, coloured where it goes to a terminal."""
    return click.style(plain(text), fg=_COLOURS.get(text))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], status: int) -> None:
    """A table on a terminal; columns that are separated by two spaces elsewhere.

    Args:
        columns: their titles.
        rows: their texts.
        status: which column holds a state.
    """
    lines = [[plain(text) for text in row] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console

        console = Console()
        kept = fitting(columns, lines, console.width)
        if kept is not None:
            console.print(_table(columns, lines, status, kept))
        else:
            _print_below_ids(columns, lines, console.width)
        return
    for line in _aligned([list(columns), *lines]):
        click.echo(line)


def _print_below_ids(columns: Sequence[str], rows: Rows, width: int) -> None:
    """Each id on a line of its own; below it the rest, as far as there is room for it."""
    kept = list(range(1, len(columns)))

    def is_wide() -> bool:
        widths = _widths([[row[place] for place in kept] for row in (list(columns), *rows)])
        return sum(widths[:-1]) + 2 * len(widths) + min(widths[-1], _LEAST) > width

    for title in GIVE_WAY:
        if is_wide():
            kept = [place for place in kept if columns[place] != title]
    whole = [list(columns), *rows]
    below = _aligned([[row[place] for place in kept] for row in whole])
    for row, rest in zip(whole, below, strict=True):
        click.echo(f"{row[0]}\n  {rest}".rstrip())


def _aligned(rows: Rows) -> list[str]:
    """Columns that are separated by two spaces."""
    widths = _widths(rows)
    return [
        "  ".join(
            text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def table(columns: Sequence[str], rows: Rows, status: int, width: int) -> Table:
    """The same as something that is drawn again and again, for a terminal of that width."""
    kept = fitting(columns, rows, width)
    return _table(columns, rows, status, list(range(len(columns))) if kept is None else kept)


def fitting(columns: Sequence[str], rows: Rows, width: int) -> list[int] | None:
    """Which columns a terminal of that width has room for; None if not even for the others."""
    widths = _widths([list(columns), *rows])
    kept = list(range(len(columns)))

    def fit(text: int) -> bool:
        others = sum(widths[place] + _BETWEEN for place in kept[:-1])
        return others + min(widths[-1], text) <= width

    for title in GIVE_WAY:
        if fit(_READABLE):
            return kept
        kept = [place for place in kept if columns[place] != title]
    return kept if fit(_LEAST) else None


def _widths(rows: Rows) -> list[int]:
    return [max(map(_width, texts)) for texts in zip(*rows, strict=True)]


def _width(text: str) -> int:
    """Columns that it takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF")
        for one in text
    )


def _table(columns: Sequence[str], rows: Rows, status: int, kept: list[int]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place in kept:
        drawn.add_column(columns[place], overflow="fold", no_wrap=place != len(columns) - 1)
    for row in rows:
        cells = [Text(text) for text in row]
        cells[status].stylize(_COLOURS.get(row[status], ""))
        drawn.add_row(*(cells[place] for place in kept))
    return drawn
