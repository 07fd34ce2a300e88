"""What is wrong with a definition, where, and what to do about it."""

from __future__ import annotations

__all__ = ["Problem", "Report", "nearest"]

from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec import Struct

from flowworker.definitions.tree import quoted

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowworker.definitions.tree import Mark

_COMPARISONS = 100_000
"""How many names one report compares in search of similar ones: about a second's work."""


class Problem(Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        source: the file, or what stands for it.
        line: counted from 1; 0 if the problem has no place in the source.
        column: counted from 1.
        message: what was expected and what was found.
        hint: what to do, if that can be said.
    """

    source: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        return f"{place}: {self.message} ({self.hint})" if self.hint else f"{place}: {self.message}"


class Report:
    """Collects the problems of one source, so that all of them are told at once."""

    def __init__(self, source: str) -> None:
        self.source = source
        # An alias is judged wherever it is used, but stands in one place: a dict drops the echo.
        self._problems: dict[Problem, None] = {}
        self._comparisons = _COMPARISONS

    @property
    def problems(self) -> list[Problem]:
        """In the order of the source."""
        return sorted(self._problems, key=lambda problem: (problem.line, problem.column))

    def add(self, mark: Mark, message: str, hint: str = "") -> None:
        """Note a problem."""
        self._problems[Problem(self.source, *mark, message, hint)] = None

    def nearest(self, word: str, known: Collection[str]) -> str:
        """A hint that names what was probably meant.

        It is empty if nothing is similar, or if this source made so many mistakes already that
        looking for similar names would take minutes.
        """
        self._comparisons -= len(known)
        return nearest(word, known) if self._comparisons >= 0 else ""


def nearest(word: str, known: Collection[str]) -> str:
    """The question whether the most similar known word was meant, or an empty text."""
    matches = get_close_matches(word[:200], known, n=1)
    return f"did you mean {quoted(matches[0])}?" if matches else ""
