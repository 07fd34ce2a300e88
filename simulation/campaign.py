"""Many worlds, side by side in several processes, and what they came to."""

from __future__ import annotations

__all__ = ["Tally", "campaign", "live"]

import gc
import itertools
import os
import threading
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from flowworker.telemetry.metrics import Metrics
from simulation.focus import ANYTHING, Focus
from simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from simulation.outcome import Outcome

CHUNK = 20
"""Worlds that a process takes at a time."""

_GARBAGE = 20_000
"""Objects that are made between two looks for garbage: to look more often costs time."""

ENOUGH = 3
"""Worlds with violations after which a campaign ends early."""


@dataclass
class Tally:
    """What worlds came to in all.

    Attributes:
        failed: the worlds in which something did not hold.
        moments: seconds that passed in them.
        digest: of the last one's trace, if that was kept.
    """

    worlds: int = 0
    runs: int = 0
    moments: float = 0.0
    digest: str = ""
    failed: list[Outcome] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    constructs: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """One world more."""
        self.worlds += 1
        self.runs += outcome.runs
        self.moments += outcome.moment
        self.digest = outcome.digest
        self.faults.update(outcome.faults)
        self.seen.update(outcome.seen)
        self.constructs.update(outcome.constructs)
        if outcome.violations:
            self.failed.append(outcome)

    def merge(self, other: Tally) -> None:
        """All that another one has."""
        self.worlds += other.worlds
        self.runs += other.runs
        self.moments += other.moments
        self.failed += other.failed
        self.faults.update(other.faults)
        self.seen.update(other.seen)
        self.constructs.update(other.constructs)


def live(seeds: Iterable[int], *, keep_trace: bool = False, focus: Focus = ANYTHING) -> Tally:
    """Worlds one after the other, up to the first that fails."""
    tally = Tally()
    metrics = Metrics(CollectorRegistry())
    for seed in seeds:
        tally.add(World(seed, metrics, keep_trace=keep_trace, focus=focus).run())
        if tally.failed:
            break
    return tally


def campaign(
    seeds: Iterable[int], runs: int, jobs: int, on_progress: Callable[[Tally], None]
) -> Tally:
    """Worlds until there were that many runs, no seeds are left, or enough has failed."""
    left = iter(seeds)
    tally = Tally()
    pending: set[Future[Tally]] = set()
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=_prepare, initargs=(os.getpid(),)) as pool:
        while True:
            wanted = tally.runs < runs and len(tally.failed) < ENOUGH
            while wanted and len(pending) < 2 * jobs:
                chunk = list(itertools.islice(left, CHUNK))
                if not chunk:
                    break
                pending.add(pool.submit(live, chunk))
            if not pending:
                return tally
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                tally.merge(future.result())
            on_progress(tally)


def _prepare(parent: int) -> None:
    """Make this process one of worlds, that ends when the one that gives it work was killed."""
    gc.set_threshold(_GARBAGE)

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
