"""What a world is about, where that is not left to the draw.

A search for one kind of defect wants worlds that provoke it, and few of them.
"""

from __future__ import annotations

__all__ = ["ANYTHING", "Focus", "focus_of"]

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Focus:
    """Of each world that is looked at.

    Attributes:
        faults: these are as frequent as they can be, and no others happen; all are drawn if empty.
        shape: of all workflows: "pairs" side by side, a "chain", or "questions", which ask a human
            about each failure; drawn if empty.
        dawdling: many handlers take long, and many ignore their cancellation.
        regretful: most runs are cancelled, soon.
        tightened: definitions become stricter on the way.
        cramped: messages have room for little.
        forged: hostile workers forge events and records.
        backlog: many short runs, one slot, and nothing goes wrong.
        constructs: workflows have what the language has beside handlers.
        signals: of these, steps that wait for signals above all.
        paused: runs are paused often.
        held: workflows are.
        scheduled: there are schedules.
        power: the power fails.
        limited: steps fall under limits.
        gated: runs fall under limits.
        paced: runs fall under rates.
        debounced: starts replace each other.
        quiet: nothing goes wrong, but for handlers that fail.
    """

    faults: tuple[str, ...] = ()
    shape: str = ""
    dawdling: bool = False
    regretful: bool = False
    tightened: bool = False
    cramped: bool = False
    forged: bool = False
    backlog: bool = False
    quiet: bool = False
    constructs: bool = False
    signals: bool = False
    paused: bool = False
    held: bool = False
    scheduled: bool = False
    power: bool = False
    limited: bool = False
    gated: bool = False
    paced: bool = False
    debounced: bool = False


ANYTHING = Focus()
"""All is drawn."""

_BACKLOGS = 0.1
_QUIET = 0.05
_CONSTRUCTS = 0.5


def focus_of(seed: int, wanted: Focus = ANYTHING) -> Focus:
    """What that world is about: some are about what the draw as good as never gives."""
    if wanted is not ANYTHING:
        return wanted
    random = Random(f"focus of {seed}")
    drawn = random.random()
    if drawn < _BACKLOGS:
        return Focus(backlog=True)
    constructs = random.random() < _CONSTRUCTS
    return Focus(quiet=drawn < _BACKLOGS + _QUIET, constructs=constructs)
