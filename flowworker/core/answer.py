"""What an operator has answered, as a run's record keeps it."""

from __future__ import annotations

__all__ = ["Decision"]

from msgspec import Struct

from flowworker.core.payload import Payload
from flowworker.core.status import HumanAction


class Decision(Struct, frozen=True, omit_defaults=True):
    """What an operator answered for one turn of one step.

    Attributes:
        turn: the turn of the step that waited; a `retry` begins the next one.
        output: the step's output, for `complete`.
        id: identity of the answer, so that it is followed once.
    """

    turn: int
    action: HumanAction
    output: Payload | None = None
    id: str = ""
