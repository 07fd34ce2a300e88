"""What a world is about, where that is not left to the draw.

Whoever looks for one kind of defect wants worlds that provoke it, and few of them.
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
        shape: of all workflows: "pairs" side by side, or a "chain"; drawn if empty.
        dawdling: many handlers take long, and many ignore their cancellation.
        regretful: most runs are cancelled, soon.
        tightened: definitions become stricter on the way.
        cramped: messages have room for little.
        backlog: many short runs, one slot, and nothing goes wrong.
    """

    faults: tuple[str, ...] = ()
    shape: str = ""
    dawdling: bool = False
    regretful: bool = False
    tightened: bool = False
    cramped: bool = False
    backlog: bool = False


ANYTHING = Focus()
"""All is drawn."""

_BACKLOGS = 0.1


def focus_of(seed: int, wanted: Focus = ANYTHING) -> Focus:
    """What that world is about: some are about what the draw as good as never gives."""
    if wanted is ANYTHING and Random(f"focus of {seed}").random() < _BACKLOGS:
        return Focus(backlog=True)
    return wanted
