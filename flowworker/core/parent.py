"""What a run is of another one: an attempt of a step, or a rerun."""

from __future__ import annotations

__all__ = ["Parent", "Rerun"]

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


class Rerun(Struct, frozen=True, omit_defaults=True):
    """What a run does again of another one that has ended: all of it, if nothing is said.

    Attributes:
        point: the step to begin from (`from` on the wire): it, and what is behind it.
        failed: what was not completed, and what is behind that.
        latest: by the definition that the workflow's name stands for now, not by the other run's.
    """

    point: str = field(default="", name="from")
    failed: bool = False
    latest: bool = False
