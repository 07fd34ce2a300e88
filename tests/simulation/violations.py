"""What worlds find of a defect that somebody planted."""

from __future__ import annotations
import __future__

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from simulation.campaign import live
from simulation.focus import ANYTHING, Focus

WORLDS = 100


class From(NamedTuple):
    """Worlds from that one on, in which the defect showed when the test was written.

    That saves the time of those before it. If worlds have become others since, it shows later.
    """

    first: int
    focus: Focus = ANYTHING


def violation(worlds: Focus | From = ANYTHING) -> str:
    """What is found first, within few worlds.

    Where a defect shows in rare worlds only, those that are looked at are drawn such that it shows
    in many: which ones, of those, does not matter then.
    """
    first, focus = worlds if isinstance(worlds, From) else From(0, worlds)
    tally = live(range(first, first + WORLDS), focus=focus)
    assert tally.failed, f"nothing was found in {WORLDS} worlds"
    return tally.failed[0].violations[0]


def finds(words: str, worlds: Focus | From = ANYTHING) -> bool:
    """Whether that is found; or one of several, with ` | ` between them: some break many rules."""
    said = violation(worlds)
    found = any(each in said for each in words.split(" | "))
    assert found, f"what was found is: {said}"
    return found


def plant(monkeypatch: pytest.MonkeyPatch, function: Any, right: str, wrong: str) -> None:
    """Let a function do something else where its text says `right`, for everybody who knows it."""
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(right) == 1, f"{function.__name__} has no such place, or several: {right}"
    found: dict[str, Callable[..., object]] = {}
    flags = __future__.annotations.compiler_flag
    exec(compile(source.replace(right, wrong), function.__name__, "exec", flags), {}, found)
    monkeypatch.setattr(function, "__code__", found[function.__name__].__code__)
