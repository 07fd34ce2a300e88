"""What worlds find of a defect that somebody planted."""

from __future__ import annotations

from simulation.campaign import live
from simulation.focus import ANYTHING, Focus

WORLDS = 100


def violation(focus: Focus = ANYTHING) -> str:
    """What is found first, within few worlds.

    Where a defect shows in rare worlds only, those that are looked at are drawn such that it shows
    in many: which ones, of those, does not matter then.
    """
    tally = live(range(WORLDS), focus=focus)
    assert tally.failed, f"nothing was found in {WORLDS} worlds"
    return tally.failed[0].violations[0]
