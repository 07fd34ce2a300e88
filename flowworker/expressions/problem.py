"""What is wrong with an expression, and where in it."""

from __future__ import annotations

__all__ = ["ExpressionProblem", "place_of"]

from msgspec import Struct


class ExpressionProblem(Struct, frozen=True):
    """One thing that is wrong with an expression or a template.

    Attributes:
        message: what was expected and what was found.
        line: in the text that was given, counted from 1.
        column: likewise.
        hint: what to do, if that can be said.
    """

    message: str
    line: int = 1
    column: int = 1
    hint: str = ""


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a character, both counted from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")
