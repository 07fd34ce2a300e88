"""Tables: columns on a terminal, as many as fit; plain lines elsewhere.

A table has an id in its first column and free text in its last. On a terminal that is too narrow,
the last column is folded between words, down to a width at which it can be read well; then columns
are left out, in the order of `GIVE_WAY`; then the last column becomes narrower still. Ids, names
and states stay, and are never broken, nor are ids in the text: if they do not fit beside it, each
row has its id on a line of its own, and the rest below it.
"""

from __future__ import annotations

__all__ = ["GIVE_WAY", "plain", "print_table", "state", "table"]

import sys
from typing import TYPE_CHECKING

import click

from flowworker.cli.wrapping import columns_of, longest_id, wrapped
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
    kept = list(range(1, len(columns) - 1))
    whole = [list(columns), *rows]
    text = _least_text(whole, width)

    def room() -> int:
        """Columns for the text beside the others."""
        return width - sum(_widths(whole)[place] + 2 for place in kept) - 2

    for title in GIVE_WAY:
        if room() < text:
            kept = [place for place in kept if columns[place] != title]
    is_beside = room() >= text
    for row, others in zip(
        whole, _aligned([[row[place] for place in kept] for row in whole]), strict=True
    ):
        click.echo(row[0])
        if is_beside:
            head = "  " + others.ljust(width - 2 - room()) if kept else "  "
            lines = wrapped(row[-1], width, head, " " * (width - room())) or [head.rstrip()]
        else:
            lines = [f"  {others}", *wrapped(row[-1], width, "    ", "    ")]
        for line in filter(str.strip, lines):
            click.echo(line)


def _least_text(rows: Rows, width: int) -> int:
    """Columns that the last column needs: no id in it is broken that a line has room for."""
    texts = [row[-1] for row in rows]
    widest = max(map(columns_of, texts))
    return min(widest, max(_LEAST, *(longest_id(text, width - 2) for text in texts)))


def _aligned(rows: Rows) -> list[str]:
    """Columns that are separated by two spaces."""
    widths = _widths(rows)
    return [
        "  ".join(
            text + " " * (width - columns_of(text)) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def table(columns: Sequence[str], rows: Rows, status: int, width: int) -> Table:
    """The same as something that is drawn again and again, for a terminal of that width."""
    kept = fitting(columns, rows, width)
    return _table(columns, rows, status, list(range(len(columns))) if kept is None else kept)


def fitting(columns: Sequence[str], rows: Rows, width: int) -> list[int] | None:
    """Which columns a terminal of that width has room for; None if not even for the others."""
    whole = [list(columns), *rows]
    widths, least = _widths(whole), _least_text(whole, width)
    kept = list(range(len(columns)))

    def fit(text: int) -> bool:
        others = sum(widths[place] + _BETWEEN for place in kept[:-1])
        return others + min(widths[-1], max(text, least)) <= width

    for title in GIVE_WAY:
        if fit(_READABLE):
            return kept
        kept = [place for place in kept if columns[place] != title]
    return kept if fit(_LEAST) else None


def _widths(rows: Rows) -> list[int]:
    return [max(map(columns_of, texts)) for texts in zip(*rows, strict=True)]


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
