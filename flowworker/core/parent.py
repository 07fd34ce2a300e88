"""What a run is of another one, if it is an attempt of a step."""

from __future__ import annotations

__all__ = ["Parent"]

from msgspec import Struct, field


class Parent(Struct, frozen=True, omit_defaults=True):
    """The attempt of a step that a run is.

    Attributes:
        run, step: whose.
        turn, number: of the attempt, whose kind is `run` (`attempt` on the wire is its number).
    """

    run: str
    step: str
    turn: int
    number: int = field(name="attempt")
