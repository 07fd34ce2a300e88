"""The shortest world that still shows what another one has shown: fewer troubles, same seed."""

from __future__ import annotations

__all__ = ["shrunk"]

from typing import TYPE_CHECKING

from flowworker.simulate.world import World

if TYPE_CHECKING:
    from flowworker.simulate.world import Outcome, Task

_MOST = 80
"""Worlds that are lived for that."""


def shrunk(task: Task, found: Outcome) -> Outcome:
    """A world of the same seed that leaves something half done, too, with fewer troubles.

    What is left out is halved until nothing more can be: half of them, quarters, single ones.
    """
    best, lived = found, 0
    size = len(best.troubles)
    while size > 0 and lived < _MOST:
        keys = [trouble.key for trouble in best.troubles]
        for begin in range(0, len(keys), size):
            kept = {*keys[:begin], *keys[begin + size :]}
            lived += 1
            other = World(task, found.seed, kept).run()
            if other.left and len(other.troubles) < len(best.troubles):
                best = other
                break
        else:
            size //= 2
        size = min(size, len(best.troubles))
    return best
