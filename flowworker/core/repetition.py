"""What users define of a step that is run again and again: a part of the model."""

from __future__ import annotations

__all__ = ["MAX_ITERATIONS", "Repeat"]

from msgspec import Struct

MAX_ITERATIONS = 10_000
"""Most iterations of a step that is repeated, in one turn."""


class Repeat(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A step is run again and again until an expression holds.

    Attributes:
        until: the expression, over `output`, which an iteration came to, and `iterations`.
        interval: seconds from the end of an iteration to the beginning of the next, or a text with
            `${…}` that gives a duration.
        max: iterations after which the step fails if the expression does not hold.
    """

    until: str
    interval: float | str = 1.0
    max: int = MAX_ITERATIONS
