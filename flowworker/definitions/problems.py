"""Collects what is wrong with one source, and finds what was probably meant."""

from __future__ import annotations

__all__ = ["MAX_PROBLEMS", "Report", "nearest"]

from difflib import get_close_matches
from typing import TYPE_CHECKING

from flowworker.definitions.tree import quoted
from flowworker.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from flowworker.definitions.tree import Mark

MAX_PROBLEMS = 100
"""How many problems are reported at once."""

_COMPARISONS = 100_000
"""How many names one report compares in search of similar ones: about a second's work."""


class Report:
    """Collects the problems of one source, so that all of them are reported at once.

    Attributes:
        source: the file, or what stands for it.
        lines: its text, for messages that compare lines; none for what was not read from a text.
        is_full: there were more than `MAX_PROBLEMS`, and those behind them were dropped.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: Sequence[str] = ()
        self.is_full = False
        # An alias is judged wherever it is used, but stands in one place: a dict drops the echo.
        self._problems: dict[Problem, None] = {}
        self._settled: set[Mark] = set()
        self._comparisons = _COMPARISONS

    @property
    def problems(self) -> list[Problem]:
        """In the order of the source."""
        return sorted(self._problems, key=lambda problem: (problem.line, problem.column))

    def add(self, mark: Mark, message: str, hint: str = "") -> None:
        """Note a problem."""
        if mark in self._settled:
            return
        problem = Problem(message, self.source, *mark, hint)
        if len(self._problems) < MAX_PROBLEMS:
            self._problems[problem] = None
        elif problem not in self._problems:
            self.is_full = True

    def settle(self, mark: Mark, message: str, hint: str = "") -> None:
        """Note the only problem of its place: others there would only follow from it."""
        self.add(mark, message, hint)
        self._settled.add(mark)

    def nearest(self, word: str, known: Collection[str]) -> str:
        """A hint that names what was probably meant.

        It is empty if nothing is similar, or if this source made so many mistakes already that
        looking for similar names would take minutes.
        """
        if self.is_full:
            return ""
        self._comparisons -= len(known)
        return nearest(word, known) if self._comparisons >= 0 else ""


def nearest(word: str, known: Collection[str]) -> str:
    """The question whether the most similar known word was meant, or an empty text."""
    matches = get_close_matches(word[:200], known, n=1)
    return f"did you mean {quoted(matches[0])}?" if matches else ""
