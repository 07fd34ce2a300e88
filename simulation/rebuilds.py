"""Runs that do nothing but wait for a worker are let be, however many there are."""

from __future__ import annotations

__all__ = ["Rebuilds"]

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulation.process import Process

_AT_ONCE = 2
"""Histories of such a run that a coordinator may read whenever it likes: it took the partition."""

_LOOKS_APART = 16
"""Looks through all runs after which it may read it once more. A run has its turn every 32, and
somewhat more often while others come to their end."""


class Rebuilds:
    """How often each coordinator read the history of each run for nothing.

    Attributes:
        limited: whether there is nothing but the backlog that could ask for it.
    """

    def __init__(
        self, waits: Callable[[str], bool], on_violation: Callable[[str], None], *, limited: bool
    ) -> None:
        """Ask `waits` whether a step message and nothing else moves a run on."""
        self.limited = limited
        self._waits = waits
        self._on_violation = on_violation
        self._looks: Counter[Process] = Counter()
        self._reads: Counter[tuple[Process, str]] = Counter()

    def looked(self, process: Process) -> None:
        """A coordinator asked which steps have messages: so begins a look through all runs."""
        self._looks[process] += 1

    def read(self, process: Process, run: str) -> None:
        """It read a history: so begins a rebuild."""
        if not (self.limited and self._waits(run)):
            return
        self._reads[process, run] += 1
        found, looks = self._reads[process, run], self._looks[process]
        if found > _AT_ONCE + looks / _LOOKS_APART:
            where = f"{run}, {found} times in {looks} looks of {process.name}"
            self._on_violation(f"a run that waits for a worker was rebuilt: {where}")
