"""Where in a file a character of a text stands that was read from it."""

from __future__ import annotations

__all__ = ["add_problem", "place_in"]

import re
from itertools import takewhile
from typing import TYPE_CHECKING

from flowworker.definitions.tree import NOWHERE, Mark, ScalarNode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.definitions.problems import Report
    from flowworker.definitions.tree import Node
    from flowworker.expressions import ExpressionProblem

_BLOCK = re.compile(r"[|>]")
_QUOTE = re.compile(r"""["']""")


def place_in(node: ScalarNode, line: int, column: int, lines: Sequence[str]) -> Mark:
    """The place of a character of a text.

    What YAML folds and indents is followed line by line. Behind something that is written
    otherwise than it reads, such as an escape, it is the place of that.

    Args:
        node: the text.
        line: of the text itself, counted from 1.
        column: likewise.
        lines: the file's; none for what was not read from one.
    """
    if node.mark == NOWHERE or not lines:
        return node.mark
    before = node.text.split("\n")[: line - 1]
    wanted = sum(len(each) + 1 for each in before) + column - 1
    first, start = node.mark.line - 1, node.mark.column - 1
    if _BLOCK.match(lines[first], start):
        first, start = first + 1, 0
    elif _QUOTE.match(lines[first], start):
        start += 1
    place, read = node.mark, 0
    for number, source in enumerate(lines[first:], first + 1):
        start += _blanks(source[start:])
        read += _blanks(node.text[read:])
        same = _same(node.text[read:], source[start:])
        place = Mark(number, start + min(max(wanted - read, 0), same) + 1)
        read += same
        if wanted <= read or start + same < len(source.rstrip()):
            break
        start = 0
    return place


def add_problem(report: Report, node: Node, place: str, problem: ExpressionProblem) -> None:
    """Report what is wrong with an expression in a value where it stands in the file."""
    mark = node.mark
    if isinstance(node, ScalarNode):  # else it is about the whole value
        mark = place_in(node, problem.line, problem.column, report.lines)
    report.add(mark, f"{place}: {problem.message}", problem.hint)


def _blanks(text: str) -> int:
    return len(text) - len(text.lstrip())


def _same(one: str, other: str) -> int:
    """How many characters they begin with alike."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
