"""Explains the errors of a YAML parser to the author of the file.

A parser says where it stopped: behind a tab, on the line after the last, at a key that is between
two columns. What the author looks for is the tab, the end, and the other line.
"""

from __future__ import annotations

__all__ = ["explained", "going_on", "lines_of"]

import re
from typing import TYPE_CHECKING, NamedTuple

from flowworker.definitions.tree import NOWHERE, Mark, ScalarNode, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yaml import MarkedYAMLError

    from flowworker.definitions.tree import Node

_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_TAB = re.compile(r" *\t\s*[^\s#]")
_DASHES = re.compile(r" *(- +)*")
_NO_COLON = "could not find expected ':'"
_SECOND_COLON = "mapping values are not allowed"
_NO_BEGINNING = "cannot start any token"
_ASTRAY = re.compile(r"expected key|expected '-' indicator|expected <block end>|<document start>")
"""What the parsers say, in C and in Python, of a line that is in no column of those above it."""


class Fault(NamedTuple):
    """A place, what is wrong there, and a hint or an empty text."""

    mark: Mark
    message: str
    hint: str = ""


def lines_of(text: str) -> list[str]:
    """The lines as YAML counts them."""
    return _BREAK.split(text)


def explained(error: MarkedYAMLError, lines: Sequence[str], inside: str) -> Fault:
    """What to report for a parser's error.

    Args:
        error: what the parser raised.
        lines: the text.
        inside: what was being read: "'depends_on' that begins on line 7"; or nothing.
    """
    mark, begun = _mark_of(error.problem_mark), _mark_of(error.context_mark)
    problem, context = str(error.problem), error.context or ""
    last = _last(lines)
    is_whole = begun.line < last.line or lines[last.line - 1].rstrip().endswith(("}", "]"))
    if _NO_COLON in problem and is_whole:
        word = quoted(lines[begun.line - 1][begun.column - 1 :].rstrip())
        return Fault(begun, f"no ':' behind the key {word}", "a key is written 'key: value'")
    if mark >= last:
        if "quoted scalar" in context:
            inside = f"a text in quotes that begins on line {begun.line}"
        return Fault(last, f"the file ends here{inside and f', inside {inside}'}")
    line = lines[mark.line - 1]
    if _TAB.match(line):
        return Fault(Mark(mark.line, line.index("\t") + 1), *_tab(mark.line))
    if _ASTRAY.search(problem) and (astray := _astray(lines, mark)):
        return astray
    if _SECOND_COLON in problem:
        return _second_colon(lines, mark)
    if _NO_BEGINNING in problem:
        begins = quoted(line[mark.column - 1])
        return Fault(mark, f"no value begins with {begins}", "put a text that does in quotes")
    return Fault(mark, f"not YAML: {problem}", _since(context, begun))


def going_on(node: Node, lines: Sequence[str]) -> str:
    """A hint for a plain text that goes on over the next lines, which is rarely meant."""
    if not isinstance(node, ScalarNode) or node.until <= node.mark.line:
        return ""
    first = node.mark.line
    second = next(
        number for number in range(first + 1, node.until + 1) if lines[number - 1].strip()
    )
    if _TAB.match(lines[second - 1]):
        return f"it goes on until line {node.until}; {', '.join(_tab(second))}"
    return (
        f"it goes on until line {node.until}, for line {first} is indented by "
        f"{_indent(lines[first - 1])} and line {second} by {_indent(lines[second - 1])}; "
        "is a key missing between them?"
    )


def _tab(line: int) -> tuple[str, str]:
    return f"a tab indents line {line}", "use spaces"


def _astray(lines: Sequence[str], mark: Mark) -> Fault | None:
    """The fault of a line that is in no column of those above; None if it is in one."""
    indent = _indent(lines[mark.line - 1])
    columns = list(_columns_above(lines, mark.line))
    if not columns:
        return None
    other, meant = min(columns, key=lambda column: abs(column[1] - indent))
    if meant == indent:
        return None
    message = f"line {mark.line} is indented by {indent}, line {other} by {meant}"
    return Fault(mark, message, "what belongs together begins in the same column")


def _second_colon(lines: Sequence[str], mark: Mark) -> Fault:
    """A key where a value goes on already: on the same line, or from a line above."""
    if ": " in lines[mark.line - 1][: mark.column - 1]:
        return Fault(mark, "a second ': ' in one value", "put a text that has one in quotes")
    above = next(_columns_above(lines, mark.line), (mark.line, 0))[0]
    return _astray(lines, mark) or Fault(
        mark, "a key in the middle of a text", f"is a ':' missing on line {above}?"
    )


def _columns_above(lines: Sequence[str], number: int) -> Iterator[tuple[int, int]]:
    """Lines above, nearest first, and the columns in which what is open there begins."""
    limit = None
    for above in range(number - 1, 0, -1):
        line = lines[above - 1]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        dashes = _DASHES.match(line)
        for column in dict.fromkeys((dashes.end() if dashes else 0, _indent(line))):
            if limit is None or column < limit:
                yield above, column
        limit = min(_indent(line), _indent(line) if limit is None else limit)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _last(lines: Sequence[str]) -> Mark:
    """Behind the last character that is not blank."""
    ends = [
        Mark(number, len(line.rstrip()) + 1) for number, line in enumerate(lines, 1) if line.strip()
    ]
    return ends[-1] if ends else Mark(1, 1)


def _mark_of(mark: object) -> Mark:
    line, column = getattr(mark, "line", None), getattr(mark, "column", None)
    return NOWHERE if line is None or column is None else Mark(line + 1, column + 1)


def _since(context: str, begun: Mark) -> str:
    return f"{context} that begins on line {begun.line}" if context and begun.line else ""
