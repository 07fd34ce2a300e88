"""Shares of queues: which steps take some, and what must hold.

Who is let in moves its key on, in the same write, and never back: so no turn is given twice,
whatever dies. That turns are fair then is for the tests of `core.fairness`.
"""

from __future__ import annotations

__all__ = ["Sharing", "check_turns", "gates_of"]

from random import Random
from typing import TYPE_CHECKING

from flowworker.core.fairness import Fairness, Turns, gate_of, is_gate
from flowworker.core.status import Priority
from simulation.expecting import expect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.core.limit import LimitRecord
    from flowworker.core.model import Step
    from simulation.truth import Truth

_WORLDS, _STEPS = 0.5, 0.6
"""Share of worlds with limits in which steps take shares, and of the steps there."""

_WEIGHTS: tuple[float | str, ...] = (1.0, 0.5, 3.0, "1.0 + 2.0")


class Sharing:
    """What is drawn of shares."""

    def __init__(self, seed: int, keys: Iterable[str]) -> None:
        """Draw whether there are any; `keys` are those that limits have."""
        self._random = random = Random(f"shares of {seed}")
        self._wanted = random.random() < _WORLDS
        self._keys = [key for key in keys if key]

    def fairness(self) -> Fairness | None:
        """That of a step, or none."""
        random = self._random
        if not self._wanted or random.random() >= _STEPS:
            return None
        return Fairness(random.choice(self._keys), random.choice(_WEIGHTS))


def gates_of(truth: Truth, step: Step) -> list[str]:
    """Which record names its attempts, if that can be known."""
    lane = step.priority or truth.record.priority
    if step.fairness is None or lane not in set(Priority):
        return []
    return [gate_of(step.queue, Priority(lane))]


def check_turns(before: LimitRecord | None, record: LimitRecord) -> None:
    """A limit's record was written."""
    if not is_gate(record.id):
        return
    turns = record.turns or Turns()
    former = (before and before.turns) or Turns()
    expect(turns.virtual >= former.virtual, "turns run backwards", record)
    known = () if before is None else before.holders
    count = len(
        {(one.run, one.step, one.attempt) for one in record.holders}.difference(
            (one.run, one.step, one.attempt) for one in known
        )
    )
    moved = sum(turns.start_of(key) > former.start_of(key) for key in turns.next)
    expect(bool(moved) >= bool(count), "a turn is given and not taken", record)
