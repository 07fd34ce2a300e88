"""Which attempt of a step: the identity that its message, its claim and its outcome share."""

from __future__ import annotations

__all__ = ["UNATTEMPTED", "Attempt"]

from msgspec import Struct

from flowworker.core.status import Kind


class Attempt(Struct, frozen=True):
    """One attempt of one step; attempts are ordered as they may happen.

    Within a turn the step's own attempts come before those of its fallback, and those of one
    iteration before those of the next; compensations come after everything else.

    Attributes:
        kind: what it executes: the step itself, its fallback or its compensation.
        turn: 1, and one more for every `retry` that a human ordered.
        number: from 1 within kind, turn and iteration; 0 before the first.
        iteration: from 1 within a turn, of a step that is repeated; 0 of any other.
    """

    kind: Kind
    turn: int
    number: int
    iteration: int = 0

    def __lt__(self, other: Attempt) -> bool:
        return self._order < other._order

    def __le__(self, other: Attempt) -> bool:
        return self._order <= other._order

    def __gt__(self, other: Attempt) -> bool:
        return self._order > other._order

    def __ge__(self, other: Attempt) -> bool:
        return self._order >= other._order

    def __str__(self) -> str:
        """As it stands in keys and in ids of events."""
        if self.iteration:
            return f"{self.kind}/{self.turn}.{self.iteration}.{self.number}"
        return f"{self.kind}/{self.turn}.{self.number}"

    @property
    def next(self) -> Attempt:
        """The one after it, of the same kind, turn and iteration."""
        return Attempt(self.kind, self.turn, self.number + 1, self.iteration)

    @property
    def repeated(self) -> Attempt:
        """The first one of the next iteration."""
        return Attempt(self.kind, self.turn, 1, self.iteration + 1)

    @property
    def _order(self) -> tuple[bool, int, bool, int, int]:
        undo, instead = self.kind is Kind.COMPENSATE, self.kind is Kind.FALLBACK
        return (undo, self.turn, instead, self.iteration, self.number)


UNATTEMPTED = Attempt(Kind.RUN, 1, 0)
