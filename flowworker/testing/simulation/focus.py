"""What a world is about, where that is not left to the draw.

Whoever looks for one kind of defect wants worlds that provoke it, and few of them.
"""

from __future__ import annotations

__all__ = ["ANYTHING", "Focus"]

from dataclasses import dataclass


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
    """

    faults: tuple[str, ...] = ()
    shape: str = ""
    dawdling: bool = False
    regretful: bool = False
    tightened: bool = False
    cramped: bool = False


ANYTHING = Focus()
"""All is drawn."""
