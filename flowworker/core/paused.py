"""That nothing of a run begins for now: the form of it, and which effects it holds.

Held is what makes something begin: an attempt is enqueued or begun, a loop opened. Nothing else is:
outcomes are followed, conditions judged, fences and answers written, results sent. So a paused run
goes through the states of any other; what was held follows from them when it goes on, and is
remembered nowhere.
"""

from __future__ import annotations

__all__ = ["Paused", "holds"]

from typing import TYPE_CHECKING

from msgspec import Struct

from flowworker.core.effects import Dispatch, Expand

if TYPE_CHECKING:
    from flowworker.core.effects import Effect


class Paused(Struct, frozen=True, omit_defaults=True):
    """Why a run pauses.

    Attributes:
        reason: what was said, one line.
        actor: who said it.
    """

    reason: str = ""
    actor: str = ""


def holds(effect: Effect) -> bool:
    """Whether a pause holds an effect."""
    match effect:
        case Dispatch():
            return not effect.begun
        case Expand():
            return True
        case _:
            return False
