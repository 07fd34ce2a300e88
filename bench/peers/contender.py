"""What is asked of each system, and how it is measured."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

STEPS = 5
WORKERS = 2


class Contender(Protocol):
    """A system that has `STEPS` steps that do nothing executed, one after the other."""

    def one(self) -> None:
        """Start a run, and wait until its result is here."""
        ...

    def many(self, runs: int) -> None:
        """Start so many, as fast as they are taken, and wait until all results are here."""
        ...


class About(Struct, frozen=True):
    """What is measured.

    Attributes:
        how: who executes steps, and what is durable when, in a few words.
        versions: of packages and servers.
    """

    how: str
    versions: Mapping[str, str]


class Figures(Struct, frozen=True):
    """Of one measurement, by a process of its own.

    Attributes:
        rate: steps per second, many runs at once.
        p50: milliseconds from a run's start to its result, one at a time.
        cpu: milliseconds of processor time per step, of all processes, many at once.
    """

    rate: float
    p50: float
    cpu: float


def measured(contender: Contender, runs: int, singly: int) -> Figures:
    """Warm it up, have runs executed one at a time, then many at once."""
    contender.many(runs // 10)
    took = []
    for _ in range(singly):
        begun = time.perf_counter()
        contender.one()
        took.append(time.perf_counter() - begun)
    before, begun = processor_time(os.getpid()), time.perf_counter()
    contender.many(runs)
    seconds = time.perf_counter() - begun
    used = processor_time(os.getpid()) - before
    steps = runs * STEPS
    return Figures(steps / seconds, 1e3 * sorted(took)[singly // 2], 1e3 * used / steps)


def processor_time(pid: int) -> float:
    """Seconds that a process and all below it have used so far, as Linux counts them."""
    used: dict[int, float] = {}
    below: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, tail = path.read_text().rpartition(")")
        except OSError:  # it has just ended
            continue
        fields, number = tail.split(), int(head.split()[0])
        used[number] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        below.setdefault(int(fields[1]), []).append(number)
    total, left = 0.0, [pid]
    while left:
        one = left.pop()
        total += used.get(one, 0.0)
        left += below.get(one, ())
    return total
